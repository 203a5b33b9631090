FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends binutils gcc libc6-dev
RUN python -m venv /opt/partialpool
COPY requirements/runtime.txt /tmp/runtime.txt
RUN /opt/partialpool/bin/python -m pip install --quiet --require-hashes --no-deps --no-compile --only-binary=:all: -r /tmp/runtime.txt \
 && /opt/partialpool/bin/python -m pip uninstall --quiet --yes pip setuptools
COPY deploy/slim.sh /tmp/slim.sh
RUN sh /tmp/slim.sh /opt/partialpool/lib/python3.11/site-packages
WORKDIR /app
COPY engine engine
COPY partialpool partialpool
COPY service service
# The root file system may be read-only when it runs, so the bytecode is written now: of our own code, and of
# those modules of packages that are imported.
COPY deploy/imports.py /tmp/imports.py
RUN sh engine/native/compile.sh \
 && /opt/partialpool/bin/python -m compileall -q -j 0 engine partialpool service \
 && /opt/partialpool/bin/python - < /tmp/imports.py

FROM python:3.11-slim
COPY --from=build /opt/partialpool /opt/partialpool
COPY --from=build /app /app
# A new named volume takes over the owner of the directory it is mounted on.
RUN install -d -o 10001 -g 10001 /data
WORKDIR /app
ENV PATH=/opt/partialpool/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OPENBLAS_NUM_THREADS=1 \
    PARTIALPOOL_HOST=0.0.0.0 \
    PARTIALPOOL_PORT=8000 \
    PARTIALPOOL_DATA_DIR=/data
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["python", "-SIc", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["python", "-m", "service"]
CMD ["serve"]
