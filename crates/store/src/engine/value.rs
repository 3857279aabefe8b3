//! The five kinds of values that both engines store.

use std::sync::Arc;

use bytes::BytesMut;
use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::Error;

/// A value of a parameter or a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// Bytes that somebody else goes on using. Read back, they are a [`Value::Blob`].
    Shared(Arc<Vec<u8>>),
    /// A truth value. SQLite gives it back as a number.
    Bool(bool),
}

macro_rules! from {
    ($($type:ty => $variant:ident),*) => {
        $(impl From<$type> for Value { fn from(value: $type) -> Self { Self::$variant(value.into()) } })*
    };
}
from!(i64 => Int, String => Text, &str => Text, &String => Text, Vec<u8> => Blob, bool => Bool);

impl From<&Arc<Vec<u8>>> for Value {
    fn from(bytes: &Arc<Vec<u8>>) -> Self {
        Self::Shared(Arc::clone(bytes))
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
            Self::Shared(bytes) => ValueRef::Blob(bytes),
            Self::Bool(truth) => ValueRef::Integer((*truth).into()),
        }))
    }
}

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) => number.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
            Self::Blob(bytes) => bytes.to_sql(kind, out),
            Self::Shared(bytes) => bytes.to_sql(kind, out),
            Self::Bool(truth) => truth.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// One row of an answer. Its columns are taken in order; a column of another kind is a contradiction in the store.
#[derive(Debug)]
pub struct Row {
    table: &'static str,
    columns: std::vec::IntoIter<Value>,
}

impl Row {
    pub(crate) fn new(columns: Vec<Value>) -> Self {
        Self { table: "?", columns: columns.into_iter() }
    }

    /// The same row, which names this table when a column is not what it should be.
    #[must_use]
    pub fn of(mut self, table: &'static str) -> Self {
        self.table = table;
        self
    }

    fn next(&mut self) -> Result<Value, Error> {
        self.columns.next().ok_or_else(|| Error::inconsistent(self.table, "a column is missing"))
    }

    fn unexpected<T>(&self, wanted: &str) -> Result<T, Error> {
        Err(Error::inconsistent(self.table, format!("a column is not {wanted}")))
    }

    /// The next column, a number.
    pub fn int(&mut self) -> Result<i64, Error> {
        match self.next()? {
            Value::Int(number) => Ok(number),
            _ => self.unexpected("a number"),
        }
    }

    /// The next column, a number or nothing.
    pub fn int_or_null(&mut self) -> Result<Option<i64>, Error> {
        match self.next()? {
            Value::Int(number) => Ok(Some(number)),
            Value::Null => Ok(None),
            _ => self.unexpected("a number"),
        }
    }

    /// The next column, a truth value.
    pub fn bool(&mut self) -> Result<bool, Error> {
        match self.next()? {
            Value::Bool(truth) => Ok(truth),
            Value::Int(number @ (0 | 1)) => Ok(number == 1),
            _ => self.unexpected("a truth value"),
        }
    }

    /// The next column, text.
    pub fn text(&mut self) -> Result<String, Error> {
        match self.next()? {
            Value::Text(text) => Ok(text),
            _ => self.unexpected("text"),
        }
    }

    /// The next column, text or nothing.
    pub fn text_or_null(&mut self) -> Result<Option<String>, Error> {
        match self.next()? {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            _ => self.unexpected("text"),
        }
    }

    /// The next column, bytes.
    pub fn blob(&mut self) -> Result<Vec<u8>, Error> {
        match self.next()? {
            Value::Blob(bytes) => Ok(bytes),
            _ => self.unexpected("bytes"),
        }
    }

    /// The next column, bytes or nothing.
    pub fn blob_or_null(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match self.next()? {
            Value::Blob(bytes) => Ok(Some(bytes)),
            Value::Null => Ok(None),
            _ => self.unexpected("bytes"),
        }
    }
}
