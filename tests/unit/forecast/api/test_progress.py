"""The progress of a training where stderr is no terminal."""

from forecast.api.progress import TrainingProgress


def test_a_note_is_one_line_in_a_pipe_however_long_it_is(capsys):
    text = "word " * 60
    with TrainingProgress() as progress:
        progress.begin(total=2, done=1)
        progress.note(text)
    assert capsys.readouterr().err.splitlines() == ["Resuming: 1 of 2 members were finished before.", text]
