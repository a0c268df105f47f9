"""Why a store could not be read or written, and what to do about it: one true line from what delta-rs says."""

import os
import re
import shutil
from pathlib import Path

from pipelines.errors import StoreError

_MARGIN = 1 << 20
_CAUSES = (  # what delta-rs or the system says -> what happened and what to do; the first that matches
    (r"os error 28|no space left", "the disk is full. Free some space and run the same command again"),
    (r"os error 122|quota exceeded", "the disk quota is used up. Free some space and run the same command again"),
    (r"os error 27|file too large", "a file would be larger than allowed here. Check `ulimit -f` and free space"),
    (r"os error 13|os error 1\b|permission denied", "no permission. Check the permissions of the folder"),
    (r"os error 30|read-only file system", "the file system is read-only. Choose another folder with --data-dir"),
    (r"os error 24|too many open files", "too many open files. Raise `ulimit -n`"),
)
_CLOUD_CAUSES = (
    (
        r"169\.254|no credentials|CredentialsNotLoaded",
        "no credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    (r"NoSuchBucket|bucket does not exist|bucket not found", "there is no such bucket. Check the name after s3://"),
    (r"InvalidAccessKeyId", "the access key is unknown there. Check AWS_ACCESS_KEY_ID and AWS_ENDPOINT_URL"),
    (r"SignatureDoesNotMatch", "the secret key does not fit the access key. Check AWS_SECRET_ACCESS_KEY"),
    (r"ExpiredToken|TokenRefreshRequired", "the session has expired. Renew AWS_SESSION_TOKEN"),
    (r"PermanentRedirect|configured region|AuthorizationHeaderMalformed", "another region. Check AWS_REGION"),
    (r"AccessDenied|403 Forbidden", "access is denied. Check the rights of the key on this bucket (AWS_ACCESS_KEY_ID)"),
    (r"SlowDown|503 Service", "the server asks to slow down. Run the command again in some minutes"),
    (r"scheme is not allowed", "an endpoint that is not https. Set AWS_ALLOW_HTTP=true if it is yours"),
    (r"dns err|failed to lookup", "the endpoint's name is unknown. Check AWS_ENDPOINT_URL"),
    (r"tcp connect|connection refused", "no connection. Check AWS_ENDPOINT_URL and the network"),
    (r"timed out|deadline|elapsed", "no answer in time. Check AWS_ENDPOINT_URL and the network"),
    (r"error sending request", "no connection. Check AWS_ENDPOINT_URL and the network"),
)


def explained(error: BaseException, address: str) -> StoreError:
    """The error for a person."""
    text = " ".join(re.sub(r"\x1b\[[0-9;]*m|\u21b3", "", _with_causes(error)).split())
    cloud = address.startswith("s3://")
    for pattern, reason in (*(_CLOUD_CAUSES if cloud else ()), *_CAUSES):
        if re.search(pattern, text, re.IGNORECASE):
            return StoreError(f"Expected a price store at {address}, got: {reason}.")
    first = re.split(r"\s*(?:stack backtrace|note: run with)", text)[0][:300].rstrip(". ") or type(error).__name__
    check = "the bucket, the network and AWS_* in the environment" if cloud else "the disk and its permissions"
    return StoreError(f"Expected a price store at {address} that can be read and written, got: {first}. Check {check}.")


def check_address(root: Path) -> None:
    """Raises StoreError for a folder that delta-rs cannot address: it reads names as parts of a URL."""
    text = os.fspath(root.absolute())
    reserved = re.search(r"[\[\]^|\\]|%[0-9A-Fa-f]{2}", text)
    odd = reserved.group() if reserved else next((letter for letter in text if not letter.isprintable()), "")
    if odd:
        raise StoreError(
            f"Expected a folder for the price store without {odd!a} in its path, got {text!a}. "
            "Name another with --store or --data-dir; runs and reports may stay where they are."
        )


def check_space(folder: Path, needed: int) -> None:
    """Raises StoreError where the disk is too full for so many bytes: delta-rs panics when it meets that itself."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(nearest).free
    if free < _MARGIN + needed:
        raise StoreError(
            f"Expected {(_MARGIN + needed) / 2**20:,.0f} MiB free for the price store at {folder}, got "
            f"{free / 2**20:,.1f}: the disk is full. Free some space and run the same command again."
        )


def _with_causes(error: BaseException | None) -> str:
    parts = []
    while error is not None:
        parts.append(str(error))
        error = error.__cause__
    return " ".join(parts)
