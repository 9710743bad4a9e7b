FROM --platform=$BUILDPLATFORM golang:1.26-alpine AS build
ARG TARGETOS TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH:-} \
    go build -trimpath -tags nomsgpack -ldflags "-s -w" -o /printwire .

FROM alpine:3.23
ARG BUILD_VERSION=dev
ARG BUILD_ARCH=amd64
RUN apk add --no-cache ca-certificates tzdata
COPY --from=build /printwire /usr/bin/printwire
ENV PRINTWIRE_DATA=/data
VOLUME /data
EXPOSE 8000 1883
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD wget -q -O /dev/null http://127.0.0.1:8000/health || exit 1
ENTRYPOINT ["/usr/bin/printwire"]
LABEL io.hass.version="${BUILD_VERSION}" \
      io.hass.type="app" \
      io.hass.arch="${BUILD_ARCH}" \
      org.opencontainers.image.title="Printwire" \
      org.opencontainers.image.description="3D printers in Home Assistant without YAML" \
      org.opencontainers.image.source="https://github.com/printwire/printwire" \
      org.opencontainers.image.licenses="MIT"
