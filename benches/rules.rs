//! The rules by themselves: comparing lists, and making the next state of the catalogue.

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use keyward_core::{
    model::{
        Revision, WorkspaceNumber,
        api::{Api, ApiNumber, ApiSettings, KeySettings},
        permission::{Permission, PermissionNumber, PermissionValue, Wanted, compare},
    },
    snapshot::{Changes, Row, Snapshot},
    time::Timestamp,
};

fn permission(number: i64) -> Permission {
    Permission {
        number: PermissionNumber(number),
        id: format!("perm_{number}"),
        api: ApiNumber(1),
        value: PermissionValue::stored(format!("read:thing{number}")),
        name: None,
        description: Some("Read things".to_owned()),
        position: number << 16,
        created_at: Timestamp(0),
    }
}

fn catalogue() -> Snapshot {
    let api = Api {
        number: ApiNumber(1),
        workspace: WorkspaceNumber::FIRST,
        id: "0123456789abcdef01234567".to_owned(),
        identifier: "https://api.example/".to_owned(),
        name: None,
        system: None,
        settings: ApiSettings::default(),
        key_settings: KeySettings::default(),
        signing_secret: None,
        revision: Revision(1),
        created_at: Timestamp(0),
    };
    let permissions =
        (1..=1000).map(|number| Row::Permission(PermissionNumber(number), Some(Box::new(permission(number)))));
    let rows = std::iter::once(Row::Api(ApiNumber(1), Some(Box::new(api)))).chain(permissions).collect();
    Snapshot::default().apply(Changes { revision: Revision(1), rows })
}

fn rules(criterion: &mut Criterion) {
    let stored: Vec<_> = (1..=1000).map(|number| Arc::new(permission(number))).collect();
    let mut wanted: Vec<_> =
        stored.iter().map(|p| Wanted { value: p.value.clone(), description: p.description.clone() }).collect();
    wanted[500].description = Some("Changed".to_owned());
    criterion.bench_function("compare one of 1000", |bench| {
        bench.iter_batched(
            || wanted.clone(),
            |wanted| black_box(compare(&stored, wanted)),
            criterion::BatchSize::SmallInput,
        );
    });
    let snapshot = catalogue();
    criterion.bench_function("apply one of 1000", |bench| {
        let row = || Row::Permission(PermissionNumber(500), Some(Box::new(permission(500))));
        bench.iter(|| black_box(snapshot.apply(Changes { revision: Revision(2), rows: vec![row()] })));
    });
    criterion.bench_function("find an API by its identifier", |bench| {
        bench.iter(|| black_box(snapshot.api(WorkspaceNumber::FIRST, black_box("https://api.example/")).is_some()));
    });
}

criterion_group!(benches, rules);
criterion_main!(benches);
