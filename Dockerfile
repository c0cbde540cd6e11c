# The server, or a worker, in a container.
#
#   docker build -t sdcpp .                               for CPUs
#   docker build -t sdcpp --build-arg ENGINE=vulkan .     or cuda12
#   docker run -p 127.0.0.1:8080:8080 -p 127.0.0.1:8081:8081 -v ./models:/models -v sdcpp-data:/data sdcpp

FROM python:3.13-slim-bookworm AS build
ARG ENGINE=cpu
WORKDIR /source
COPY requirements.lock requirements-page.lock ./
COPY src/sdcpp_restapi/cli/engine/locks ./locks
RUN python -m venv /opt/sdcpp \
  && /opt/sdcpp/bin/pip install --no-cache-dir --require-hashes --only-binary cyllama -r requirements.lock
# In an image nothing takes the place of the package again, so that the build for GPUs may.
RUN if [ "$ENGINE" != cpu ]; then \
      /opt/sdcpp/bin/pip uninstall --yes cyllama \
      && /opt/sdcpp/bin/pip install --no-cache-dir --require-hashes --no-deps -r "locks/$ENGINE.txt"; \
    fi \
  && if [ "$ENGINE" = cuda12 ]; then \
      /opt/sdcpp/bin/pip install --no-cache-dir --require-hashes --no-deps -r locks/cuda12-runtime.txt; \
    fi
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY share ./share
COPY ui ./ui
COPY src ./src
# The build makes the page too; without the npm registry it would only say that it could not.
RUN /opt/sdcpp/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
  && test -f src/sdcpp_restapi/ui/static/index.html

FROM python:3.13-slim-bookworm
ARG ENGINE=cpu
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install --yes --no-install-recommends tini \
  && if [ "$ENGINE" = vulkan ]; then \
      apt-get install --yes --no-install-recommends libvulkan1 mesa-vulkan-drivers; \
    fi \
  && rm -rf /var/lib/apt/lists/* \
  && useradd --system --uid 10001 --home-dir /data sdcpp \
  && mkdir /data /models /output \
  && chown sdcpp: /data /models /output
COPY --from=build /opt/sdcpp /opt/sdcpp
COPY docker/healthcheck.py /opt/sdcpp/healthcheck.py
ENV PATH=/opt/sdcpp/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SDCPP_SERVER_HOST=0.0.0.0 \
    SDCPP_PATHS_MODELS_DIR=/models \
    SDCPP_PATHS_OUTPUT_DIR=/output \
    SDCPP_PATHS_DATA_DIR=/data
VOLUME ["/data", "/models", "/output"]
EXPOSE 8080 8081
USER 10001
WORKDIR /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "/opt/sdcpp/healthcheck.py"]
# tini passes signals on, and buries children of children.
ENTRYPOINT ["tini", "--", "sdcpp"]
CMD ["serve"]
