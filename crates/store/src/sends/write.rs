//! Changes of many sends by one statement.

use std::sync::LazyLock;

use crate::core::Sql;

/// An update of sends by their place, for [`Statement::rows`](crate::core::Statement::rows): `set` and `only` name the row's
/// own columns as they are, and what is given as `{name}`. The place is given first.
pub(super) fn by_place(given: &[(&str, &str)], set: &str, only: &str) -> Sql {
    let (mut sqlite, mut postgres) = ((set.to_owned(), only.to_owned()), (set.to_owned(), only.to_owned()));
    for (index, (name, _)) in given.iter().enumerate() {
        let place = format!("${}", index + 2);
        for (text, value) in [(&mut sqlite, place), (&mut postgres, format!("r.new_{name}"))] {
            text.0 = text.0.replace(&format!("{{{name}}}"), &value);
            text.1 = text.1.replace(&format!("{{{name}}}"), &value);
        }
    }
    let arrays: Vec<String> =
        given.iter().enumerate().map(|(index, (_, kind))| format!("${}::{kind}[]", index + 2)).collect();
    let names: Vec<String> = given.iter().map(|(name, _)| format!("new_{name}")).collect();
    Sql::made_each(
        format!("UPDATE send SET {} WHERE place = $1 AND {}", sqlite.0, sqlite.1),
        format!(
            "UPDATE send SET {} FROM unnest($1::BIGINT[], {}) AS r(at_place, {})\nWHERE send.place = r.at_place AND {}",
            postgres.0,
            arrays.join(", "),
            names.join(", "),
            postgres.1
        ),
    )
}

/// Whoever waits behind one of these is looked at again.
pub(crate) static WAKE: LazyLock<Sql> =
    LazyLock::new(|| waking("p.place IN (SELECT value FROM json_each($1))", "p.place = ANY($1::BIGINT[])"));

/// Whoever waits right behind one of those `p`, in each dialect, is due at $2.
pub(crate) fn waking(of_sqlite: &str, of_postgres: &str) -> Sql {
    let with = |of: &str, least: &str, at: &str| {
        format!(
            "UPDATE send SET due_at = {least}(due_at, {at}), waits = 0
            WHERE state = 'queued' AND waits = 1 AND place IN (
                SELECT (SELECT min(n.place) FROM send n
                    WHERE n.contact_id = p.contact_id AND n.number = p.number AND n.line = p.line AND n.place > p.place
                        AND n.state = 'queued')
                FROM send p
                WHERE {of})"
        )
    };
    Sql::made_each(with(of_sqlite, "min", "$2"), with(of_postgres, "least", "$2::BIGINT"))
}
