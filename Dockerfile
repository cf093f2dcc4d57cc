# The action's image is the LAST stage: `image: Dockerfile` in action.yml builds that one.
# Any Debian 13 serves as the base: a mirror's, or what scripts/base-image makes. A tag, because
# only a registry knows its digest: release.yml asks for that and builds with it.
ARG BASE=debian:trixie-slim

FROM ${BASE} AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends \
      ca-certificates gcc musl-tools python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY requirements/runtime.txt requirements/server.txt requirements/
RUN python3 -m venv /pip \
 && /pip/bin/pip install --no-cache-dir --only-binary=:all: --require-hashes \
      --target /site --requirement requirements/runtime.txt
COPY packaging/launcher.c packaging/
RUN musl-gcc -std=c11 -static -Os -s -Wall -Wextra -Werror -o /launcher packaging/launcher.c
COPY packaging/rootfs.py packaging/
COPY entrypoint/signotaur_wire /site/signotaur_wire
COPY entrypoint/signotaur_action /site/signotaur_action
RUN python3 -I packaging/rootfs.py /site /launcher /rootfs

FROM build AS server-build
RUN /pip/bin/pip install --no-cache-dir --only-binary=:all: --require-hashes \
      --target /server --requirement requirements/server.txt
COPY entrypoint/signotaur_wire /server/signotaur_wire
COPY entrypoint/signotaur_keyserver /server/signotaur_keyserver
RUN python3 -I -m compileall -q /server/signotaur_wire /server/signotaur_keyserver

FROM ${BASE} AS server
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /data --create-home keyserver
COPY --from=server-build /server /usr/local/lib/python3.13/dist-packages
ARG BASE
ARG VERSION=0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="signotaur-keyserver" \
      org.opencontainers.image.description="Self-hosted key server with overlap and lineage" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"
USER 10001
VOLUME /data
EXPOSE 8443
ENTRYPOINT ["/usr/bin/python3", "-I", "-m", "signotaur_keyserver"]
CMD ["serve", "--data-dir", "/data", "--host", "0.0.0.0", "--self-signed"]

FROM build AS sign-build
COPY requirements/sign.txt requirements/
RUN /pip/bin/pip install --no-cache-dir --only-binary=:all: --require-hashes \
      --target /sign --requirement requirements/sign.txt
COPY entrypoint/signotaur_wire /sign/signotaur_wire
COPY entrypoint/signotaur_action /sign/signotaur_action
RUN python3 -I -m compileall -q /sign/signotaur_wire /sign/signotaur_action

# Signs files: docker run --rm -v "$PWD:/files" -u "$(id -u):$(id -g)" IMAGE sign …
FROM ${BASE} AS sign
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates osslsigncode python3 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=sign-build /sign /usr/local/lib/python3.13/dist-packages
COPY --from=build /launcher /usr/bin/signotaur-action
ARG BASE
ARG VERSION=0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="signotaur-sign" \
      org.opencontainers.image.description="Signs files with a private key that stays on a server" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"
# Nobody's, so that a run without -u writes no file as root.
USER 10001
WORKDIR /files
ENTRYPOINT ["/usr/bin/signotaur-action"]
CMD ["sign", "--help"]

# No USER: GitHub demands root of container actions, its command files belong to another user.
FROM scratch AS action
COPY --from=build /rootfs /
ARG BASE
ARG VERSION=0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="signotaur-action" \
      org.opencontainers.image.description="Rotates API keys of a code-signing server from CI" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"
# Absolute, static, and it starts Python isolated: the workspace and the variables of a job (PATH,
# PYTHONPATH, LD_PRELOAD) decide nothing about the code that runs.
ENTRYPOINT ["/usr/bin/signotaur-action"]
