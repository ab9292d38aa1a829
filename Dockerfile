# CPU: docker build .      GPU: docker build --build-arg REQUIREMENTS=requirements-gpu.txt .
# The CUDA libraries come as wheels, so both start from the same base.
ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE}

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /app

# The lists are complete, and resolving them again would bring a second OpenCV: --no-deps.
ARG REQUIREMENTS=requirements.txt
COPY ${REQUIREMENTS} /tmp/requirements.txt
# What the workers of a cluster import besides: 20 MB, so that there is one image and not two.
COPY requirements-cluster.txt /tmp/
RUN pip install --no-cache-dir --no-deps -r /tmp/requirements.txt -r /tmp/requirements-cluster.txt \
    && rm /tmp/requirements*.txt

# A fixed id, so that a folder of the host can be given to this user; a volume takes its owner from the image.
RUN useradd --uid 1000 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin wholebody \
    && install -d -o wholebody -g wholebody /data/models

# Last, so that a change of the code reinstalls nothing. Readable to the user whatever the checkout's umask.
COPY --chmod=755 . .
# The command `wholebody`; editable, so that there is one copy of the code. What builds it is in the list above.
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable . \
    && PYTHONDONTWRITEBYTECODE= python -m compileall -q .

USER wholebody

ENV MODEL_DIR=/data/models PORT=9090
VOLUME /data/models
EXPOSE 9090

# /ready needs no password, and http.client no proxy. The first start may have to download the weights.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30m --retries=3 CMD ["python", "-c", \
    "import http.client as h, os; c = h.HTTPConnection('127.0.0.1', int(os.environ['PORT'] or 9090), timeout=4); \
c.request('GET', '/ready'); raise SystemExit(c.getresponse().status != 200)"]

# gunicorn.conf.py is found by itself. The heartbeat file stays off the disk.
CMD ["gunicorn", "--worker-tmp-dir", "/dev/shm", "_wsgi:app"]
