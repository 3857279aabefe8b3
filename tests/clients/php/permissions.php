<?php
$curl = curl_init();

curl_setopt_array($curl, [
  CURLOPT_URL => getenv("BASE_URL") . "/api/v2/resource-servers/" . getenv("API_ID"),
  CURLOPT_RETURNTRANSFER => true,
  CURLOPT_ENCODING => "",
  CURLOPT_MAXREDIRS => 10,
  CURLOPT_TIMEOUT => 30,
  CURLOPT_HTTP_VERSION => CURL_HTTP_VERSION_1_1,
  CURLOPT_CUSTOMREQUEST => "PATCH",
  CURLOPT_POSTFIELDS => "{ \"scopes\": " . getenv("PERMISSIONS") . " }",
  CURLOPT_HTTPHEADER => [
    "authorization: Bearer " . getenv("MGMT_API_ACCESS_TOKEN"),
    "cache-control: no-cache",
    "content-type: application/json"
  ],
]);

$response = curl_exec($curl);
$err = curl_error($curl);
$status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);

curl_close($curl);

echo $err ?: $response;
exit($status === 200 ? 0 : 1);
