# docker build -t forecast . && docker run --rm -v "$PWD/out:/work" forecast
FROM python:3.13-slim
RUN useradd --create-home forecast && mkdir /work && chown forecast /work
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY forecast forecast
COPY pipelines pipelines
COPY data/sample data/sample
RUN pip install --no-cache-dir -c constraints.txt . && rm -rf /src
USER forecast
WORKDIR /work
ENV FORECAST_DATA=/work/data FORECAST_REPORTS=/work/reports
ENTRYPOINT ["forecast"]
CMD ["demo"]
