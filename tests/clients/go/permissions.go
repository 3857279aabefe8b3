package main

import (
	"fmt"
	"io/ioutil"
	"log"
	"net/http"
	"os"
	"strings"
)

func main() {
	url := os.Getenv("BASE_URL") + "/api/v2/resource-servers/" + os.Getenv("API_ID")
	payload := strings.NewReader(`{ "scopes": ` + os.Getenv("PERMISSIONS") + ` }`)

	req, err := http.NewRequest("PATCH", url, payload)
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Add("content-type", "application/json")
	req.Header.Add("authorization", "Bearer "+os.Getenv("MGMT_API_ACCESS_TOKEN"))
	req.Header.Add("cache-control", "no-cache")

	res, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	body, err := ioutil.ReadAll(res.Body)
	if err != nil {
		log.Fatal(err)
	}

	fmt.Println(string(body))
	if res.StatusCode != http.StatusOK {
		log.Fatal(res.Status)
	}
}
