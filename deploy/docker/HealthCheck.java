import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

/** Ends with 0 where the URL of its argument answers 200 within eight seconds, else with 1. */
public class HealthCheck {

    public static void main(String[] arguments) {
        try {
            var request = HttpRequest.newBuilder(URI.create(arguments[0])).timeout(Duration.ofSeconds(8)).build();
            var answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.discarding());
            System.exit(answer.statusCode() == 200 ? 0 : 1);
        } catch (Exception error) {
            System.exit(1);
        }
    }
}
