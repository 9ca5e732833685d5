# The service. EMBEDDED=true (default) carries its own Triton and runs anywhere; EMBEDDED=false needs TRITON_URL.
# VOICES=true installs the packages that speak texts (docs/speech.md).
FROM python:3.11-slim AS build
ARG EMBEDDED=true
ARG VOICES=false
WORKDIR /app
RUN python -m venv /venv
COPY pyproject.toml constraints.txt ./
# Dependencies come before the source, so that a change of the code does not install them again.
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; e = p['optional-dependencies']; print(*p['dependencies'], *e['cpu'], *e['tracing'], *e['live'], *(e['voices'] if '$VOICES' == 'true' else ()), sep='\n')" > requirements.txt \
 && /venv/bin/pip install --no-cache-dir -c constraints.txt -r requirements.txt \
 && if [ "$EMBEDDED" != true ]; then /venv/bin/pip uninstall -y nvidia-pytriton onnxruntime openvino; fi
COPY README.md ./
COPY frontend frontend
RUN /venv/bin/pip install --no-cache-dir --no-compile --no-deps -e .

FROM python:3.11-slim
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin digital-human \
 && install -d -o digital-human /data
WORKDIR /app
COPY --from=build /venv /venv
COPY pyproject.toml README.md ./
COPY backends backends
COPY frontend frontend
COPY model_repository model_repository
# The user cannot write here, so every process would compile the modules again.
RUN /venv/bin/python -m compileall -q frontend
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOST=0.0.0.0 PORT=8308 BASE_PATH=/data
USER digital-human
VOLUME /data
EXPOSE 8308
STOPSIGNAL SIGTERM
# Not /health, which answers while Triton loads, and where it cannot load.
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s --retries=6 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/ready', timeout=4)"]
CMD ["digital-human", "serve"]
