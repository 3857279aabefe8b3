package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
)

func check(key, permission string) (string, error) {
	body, err := json.Marshal(map[string]string{"key": key, "permissions": permission})
	if err != nil {
		return "", err
	}
	request, err := http.NewRequest("POST", {{ v.q(v.verify_url().as_str()) }}, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("ROOT_KEY"))
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("not checked: %s", response.Status)
	}
	var answer struct {
		Data struct {
			Valid bool   `json:"valid"`
			Code  string `json:"code"`
			KeyID string `json:"keyId"`
		} `json:"data"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return "", err
	}
	if !answer.Data.Valid {
		return "", fmt.Errorf("refused: %s", answer.Data.Code)
	}
	return answer.Data.KeyID, nil
}

func main() {
	id, err := check(os.Getenv("API_KEY"), {{ v.q(v.permission.as_str()) }})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(id)
}
