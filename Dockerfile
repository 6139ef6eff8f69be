# One image for every role. The driver's own programs (virsh, qemu-img, ip, curl, ssh) come from Debian.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin drover

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates curl iproute2 libvirt-clients openssh-client qemu-utils \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/target/release/drover /usr/local/bin/drover
# 7070 API, 7071 locks, 7072 dispatcher's health, 7073 worker's health
EXPOSE 7070 7071 7072 7073
STOPSIGNAL SIGTERM
ENTRYPOINT ["drover"]
