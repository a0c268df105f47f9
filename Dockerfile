# docker build -t forecast . && docker run --rm --user "$(id -u)" -v "$PWD:/home/forecast" forecast
FROM python:3.13-slim
RUN useradd --create-home forecast
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY forecast forecast
COPY pipelines pipelines
COPY data/sample data/sample
RUN pip install --no-cache-dir -c constraints.txt . && rm -rf /src
USER forecast
WORKDIR /home/forecast
ENTRYPOINT ["forecast"]
CMD ["demo"]
