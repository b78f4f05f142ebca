# One container is one server: the data folder is its only state.
FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install --no-install-recommends -y bubblewrap fonts-noto-cjk tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home --uid 10001 ssd \
    && install -d -o ssd -g ssd -m 0700 /var/lib/ssd
WORKDIR /opt/ssd
COPY requirements.lock ./
RUN python -m pip install --no-cache-dir --require-hashes -r requirements.lock
COPY ssd ./ssd
COPY library ./library
ENV PYTHONPATH=/opt/ssd PYTHONDONTWRITEBYTECODE=1 SS_HOST=0.0.0.0 SS_PORT=8000 SS_DATA_DIR=/var/lib/ssd
USER ssd
VOLUME /var/lib/ssd
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/ready', timeout=4)"]
ENTRYPOINT ["tini", "--", "python", "-m", "ssd"]
CMD ["serve"]
