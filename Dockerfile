# conn-exporter in an image that holds the program, the libraries it needs, and neither shell nor package manager.
#
#   docker build --build-arg REVISION=$(git rev-parse HEAD) -t conn-exporter .
#   docker run -d --name conn-exporter --network host --pid host --cgroupns host --read-only \
#     --cap-drop ALL --security-opt no-new-privileges --ulimit nofile=1024 --memory 128m conn-exporter
#
# --network host   the TCP connections are the host's: in a network namespace of its own it would watch nothing but itself
# --pid host       /proc then shows the host's processes: descriptors, and other network namespaces
# --cgroupns host  sockets are named by systemd unit or container
#
# Full attribution (which process holds each socket; listeners of other network namespaces) takes root with three capabilities, because a
# container's capabilities do not reach another user:
#
#   docker run ... --user 0 --cap-drop ALL --cap-add DAC_READ_SEARCH --cap-add SYS_PTRACE --cap-add SYS_ADMIN \
#     --security-opt apparmor=unconfined ... conn-exporter

FROM mcr.microsoft.com/dotnet/sdk:10.0-noble AS build
ARG REVISION=unknown
ARG TARGETARCH
ENV DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
WORKDIR /src
RUN apt-get update -q && apt-get install -y -q --no-install-recommends clang lld llvm debian-archive-keyring
COPY deploy/packaging/publish deploy/packaging/sysroot deploy/packaging/
COPY Directory.Build.props Directory.Packages.props global.json .editorconfig ./
COPY src/ src/
COPY docs/runbooks/ docs/runbooks/
RUN deploy/packaging/publish --runtime linux-$(echo ${TARGETARCH:-$(dpkg --print-architecture)} | sed s/amd64/x64/) /out

FROM mcr.microsoft.com/dotnet/runtime-deps:10.0-noble-chiseled
COPY --from=build /out/conn-exporter /usr/bin/conn-exporter
EXPOSE 9057
USER $APP_UID
ENTRYPOINT ["/usr/bin/conn-exporter"]
