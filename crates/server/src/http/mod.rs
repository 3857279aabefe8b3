//! HTTP: unpack a request, call a service, pack the answer.

mod alarm;
pub mod answer;
pub mod attempt;
pub mod body;
pub mod cors;
pub mod dashboard;
pub mod dispatch;
pub mod incoming;
mod joined;
pub mod management;
pub mod oauth;
pub mod openapi;
pub mod operation;
pub mod problem;
pub mod query;
pub mod request_log;
pub mod serve;
pub mod system;
pub mod table;
pub mod tls;
pub mod unkey;
pub mod validation;
