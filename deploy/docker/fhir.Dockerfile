# HAPI FHIR's own image, and a health check for it: it has no shell and no curl. Context: this folder.

FROM eclipse-temurin:17.0.19_10-jdk AS build
COPY HealthCheck.java .
RUN javac --release 17 -d /health HealthCheck.java

FROM hapiproject/hapi:v8.8.0-1
COPY --from=build /health /health
HEALTHCHECK --interval=15s --timeout=10s --start-period=180s --retries=4 \
    CMD ["java", "-Xmx32m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", "/health", \
         "HealthCheck", "http://127.0.0.1:8080/actuator/health"]
