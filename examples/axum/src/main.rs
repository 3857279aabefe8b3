//! An API with two operations, each with the permission that it takes.

mod keyward;

use std::{env, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::get,
};
use keyward::{Keyward, Options};
use serde_json::{Value, json};

async fn read(State(keyward): State<Arc<Keyward>>, headers: HeaderMap) -> Result<Json<Value>, Response> {
    let claims = keyward.require(&headers, "read:notes").await?;
    Ok(Json(json!({ "for": claims.sub })))
}

async fn write(State(keyward): State<Arc<Keyward>>, headers: HeaderMap) -> Result<StatusCode, Response> {
    keyward.require(&headers, "write:notes").await?;
    Ok(StatusCode::CREATED)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let set = |name: &str, otherwise: &str| env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    let mut client = reqwest::Client::builder().timeout(Duration::from_secs(10));
    if let Ok(file) = env::var("CA_FILE") {
        client = client.add_root_certificate(reqwest::Certificate::from_pem(&std::fs::read(file)?)?);
    }
    let options = Options {
        issuer: env::var("ISSUER")?,
        audience: env::var("AUDIENCE")?,
        client_id: env::var("CLIENT_ID")?,
        client_secret: env::var("CLIENT_SECRET")?,
        algorithm: set("ALGORITHM", "RS256").parse()?,
    };
    let every = Duration::from_secs_f64(set("EVERY", "5").parse()?);
    let keyward = Keyward::start(options, client.build()?, every).await?;
    let api = Router::new().route("/notes", get(read).post(write)).with_state(keyward);
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{}", set("PORT", "3000"))).await?;
    axum::serve(listener, api).await?;
    Ok(())
}
