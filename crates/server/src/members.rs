//! A JSON object whose members are there once each. Of two readers of one text, each could see another value otherwise
//! (RFC 7519 §4, RFC 6749 §3.2).

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::{Map, Value};

/// The members of such an object, whose values can be read as `V`.
pub struct Members<V> {
    /// The members.
    pub map: Map<String, Value>,
    values: PhantomData<V>,
}

impl<V> fmt::Debug for Members<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Credentials are among them.
        write!(f, "Members({})", self.map.len())
    }
}

impl<'de, V: Deserialize<'de> + Into<Value>> Deserialize<'de> for Members<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OfMembers(PhantomData))
    }
}

struct OfMembers<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de> + Into<Value>> Visitor<'de> for OfMembers<V> {
    type Value = Members<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members<V>, A::Error> {
        let mut map = Map::new();
        while let Some((name, value)) = access.next_entry::<String, V>()? {
            if map.insert(name.clone(), value.into()).is_some() {
                return Err(A::Error::custom(format!("`{name}` is there twice")));
            }
        }
        Ok(Members { map, values: PhantomData })
    }
}
