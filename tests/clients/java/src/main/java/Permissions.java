import kong.unirest.HttpResponse;
import kong.unirest.Unirest;

public class Permissions {
  public static void main(String[] args) {
    String url = System.getenv("BASE_URL") + "/api/v2/resource-servers/" + System.getenv("API_ID");

    HttpResponse<String> response = Unirest.patch(url)
      .header("content-type", "application/json")
      .header("authorization", "Bearer " + System.getenv("MGMT_API_ACCESS_TOKEN"))
      .header("cache-control", "no-cache")
      .body("{ \"scopes\": " + System.getenv("PERMISSIONS") + " }")
      .asString();

    System.out.println(response.getBody());
    System.exit(response.getStatus() == 200 ? 0 : 1);
  }
}
