# syntax=docker/dockerfile:1
# Builds what it runs: `docker build -t plimsoll .` needs nothing but this checkout.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# The caches outlive the layer and are not part of it, so the binary is moved out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --profile dist --locked --bin plimsoll && \
    install -m 0755 target/dist/plimsoll /plimsoll

# The same Debian release for glibc and libgcc; nothing is installed, and the API server's CA comes with the pod.
FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="plimsoll" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /plimsoll /usr/local/bin/plimsoll
COPY LICENSE /usr/share/doc/plimsoll/LICENSE
# By number, so that the kubelet can see that it isn't root.
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/plimsoll"]
