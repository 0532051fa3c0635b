//! What each of our roles on PostgreSQL may do: one table, from which the statements are made that a database
//! administrator runs. A new table of the schema needs its row here; a test says so.
//!
//! Must never let anybody but the owner change what is in the audit log.

/// A role, and what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    pub name: &'static str,
    pub purpose: &'static str,
}

/// The owner: migrates.
const OWNER: &str = "waypost_migrate";
const ROUTER: &str = "waypost_router";
const SENDER: &str = "waypost_sender";
const ADMIN: &str = "waypost_admin";
const READER: &str = "waypost_reader";
/// Of a process that runs all components.
const ALL_COMPONENTS: &str = "waypost";

/// All roles, in the order in which they are made.
pub const ROLES: [Role; 6] = [
    Role { name: OWNER, purpose: "owns the schema, migrates" },
    Role { name: ROUTER, purpose: "runs the component router" },
    Role { name: SENDER, purpose: "runs the component sender" },
    Role { name: ADMIN, purpose: "runs the components admin and gateway, makes tokens" },
    Role { name: READER, purpose: "looks: status, topology" },
    Role { name: ALL_COMPONENTS, purpose: "runs all components in one process" },
];

/// Rights on one table, as PostgreSQL calls them; empty for none.
struct Table {
    name: &'static str,
    router: &'static str,
    sender: &'static str,
    admin: &'static str,
    reader: &'static str,
}

const READ: &str = "SELECT";
const ADD: &str = "SELECT, INSERT";
const CHANGE: &str = "SELECT, UPDATE";
const KEEP: &str = "SELECT, INSERT, UPDATE";
const EXPIRE: &str = "SELECT, INSERT, DELETE";
const ALL: &str = "SELECT, INSERT, UPDATE, DELETE";
const NONE: &str = "";
/// How many are parked, and not what: their bytes are customers' words.
const COUNT_PARKED: &str = "SELECT (parking, parked_at)";
const DROP: &str = "SELECT, DELETE";
const SETTLE: &str = "SELECT, UPDATE, DELETE";

const TABLES: [Table; 44] = [
    Table { name: "_sqlx_migrations", router: READ, sender: READ, admin: READ, reader: READ },
    Table { name: "setting", router: ADD, sender: ADD, admin: ADD, reader: READ },
    Table { name: "member", router: ALL, sender: ALL, admin: ALL, reader: READ },
    Table { name: "lease", router: KEEP, sender: KEEP, admin: KEEP, reader: READ },
    Table { name: "number", router: KEEP, sender: KEEP, admin: KEEP, reader: READ },
    Table { name: "team", router: KEEP, sender: READ, admin: ALL, reader: READ },
    Table { name: "rule_set", router: READ, sender: NONE, admin: KEEP, reader: READ },
    Table { name: "rule_text", router: ADD, sender: NONE, admin: READ, reader: NONE },
    Table { name: "rule_activation", router: READ, sender: NONE, admin: ADD, reader: READ },
    Table { name: "contact", router: KEEP, sender: KEEP, admin: ALL, reader: NONE },
    Table { name: "alias", router: ALL, sender: ALL, admin: ALL, reader: NONE },
    Table { name: "contact_claim", router: ALL, sender: ADD, admin: ALL, reader: NONE },
    Table { name: "contact_merge", router: ALL, sender: READ, admin: ALL, reader: NONE },
    Table { name: "conversation", router: ALL, sender: CHANGE, admin: SETTLE, reader: READ },
    Table { name: "inbox", router: ALL, sender: READ, admin: CHANGE, reader: READ },
    Table { name: "held", router: ALL, sender: READ, admin: SETTLE, reader: READ },
    Table { name: "status", router: EXPIRE, sender: KEEP, admin: DROP, reader: NONE },
    Table { name: "change", router: EXPIRE, sender: KEEP, admin: DROP, reader: NONE },
    Table { name: "parked", router: ADD, sender: NONE, admin: SETTLE, reader: COUNT_PARKED },
    Table { name: "parked_job", router: NONE, sender: NONE, admin: ALL, reader: NONE },
    Table { name: "send", router: CHANGE, sender: KEEP, admin: KEEP, reader: NONE },
    Table { name: "campaign", router: DROP, sender: CHANGE, admin: ALL, reader: READ },
    Table { name: "campaign_recipient", router: DROP, sender: CHANGE, admin: ALL, reader: NONE },
    Table { name: "transcript", router: EXPIRE, sender: NONE, admin: DROP, reader: NONE },
    Table { name: "media_copy", router: EXPIRE, sender: NONE, admin: ALL, reader: NONE },
    Table { name: "media_part", router: DROP, sender: NONE, admin: ALL, reader: NONE },
    Table { name: "transcript_read", router: NONE, sender: NONE, admin: EXPIRE, reader: NONE },
    Table { name: "limit_use", router: NONE, sender: ALL, admin: READ, reader: READ },
    Table { name: "portfolio", router: NONE, sender: KEEP, admin: READ, reader: READ },
    Table { name: "spend", router: NONE, sender: KEEP, admin: READ, reader: READ },
    Table { name: "spend_month", router: NONE, sender: KEEP, admin: READ, reader: READ },
    Table { name: "template", router: NONE, sender: ALL, admin: ALL, reader: READ },
    Table { name: "send_bar", router: NONE, sender: ALL, admin: ALL, reader: READ },
    Table { name: "alert", router: NONE, sender: KEEP, admin: CHANGE, reader: READ },
    Table { name: "news", router: NONE, sender: KEEP, admin: READ, reader: NONE },
    Table { name: "template_list", router: NONE, sender: KEEP, admin: KEEP, reader: READ },
    Table { name: "consent_entry", router: NONE, sender: ADD, admin: ALL, reader: NONE },
    Table { name: "suppression", router: NONE, sender: READ, admin: KEEP, reader: NONE },
    Table { name: "erased", router: NONE, sender: NONE, admin: ADD, reader: NONE },
    Table { name: "policy_data", router: NONE, sender: READ, admin: ADD, reader: READ },
    Table { name: "token", router: NONE, sender: NONE, admin: KEEP, reader: NONE },
    Table { name: "audit", router: NONE, sender: NONE, admin: ADD, reader: NONE },
    Table { name: "audit_head", router: NONE, sender: NONE, admin: CHANGE, reader: NONE },
    Table { name: "request", router: NONE, sender: NONE, admin: EXPIRE, reader: NONE },
];

/// The statements that make the roles and give them their rights in `database`, which they are to be run in, by a
/// superuser: before the first migration, and again after each. Repeating them changes nothing.
///
/// Passwords are not among them.
pub fn grants(database: &str) -> String {
    let everybody = ROLES.map(|role| role.name).join(", ");
    let database = quoted(database);
    let mut lines = vec!["BEGIN;".to_owned()];
    // There is no CREATE ROLE IF NOT EXISTS.
    lines.extend(ROLES.map(|Role { name, purpose }| {
        format!("DO $$ BEGIN CREATE ROLE {name} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$; -- {purpose}")
    }));
    lines.extend([
        format!("GRANT {ROUTER}, {SENDER}, {ADMIN} TO {ALL_COMPONENTS};"),
        format!("GRANT CONNECT ON DATABASE {database} TO {everybody};"),
        format!("GRANT USAGE ON SCHEMA public TO {everybody};"),
        format!("GRANT CREATE ON SCHEMA public TO {OWNER};"),
        format!(
            "DO $$ BEGIN IF to_regprocedure('public.audit_is_append_only()') IS NOT NULL THEN\n  \
             ALTER FUNCTION public.audit_is_append_only() OWNER TO {OWNER};\nEND IF; END $$;"
        ),
    ]);
    lines.extend(TABLES.iter().map(of_table));
    lines.push("COMMIT;".to_owned());
    lines.join("\n")
}

/// Nothing before the table is there. Its owner is changed only where it is another: that locks everybody out meanwhile.
fn of_table(table: &Table) -> String {
    let name = table.name;
    let owner = format!("SELECT tableowner FROM pg_tables WHERE schemaname = 'public' AND tablename = '{name}'");
    let mut lines = vec![
        format!("DO $$ BEGIN IF to_regclass('public.{name}') IS NOT NULL THEN"),
        format!("  IF ({owner}) <> '{OWNER}' THEN"),
        format!("    ALTER TABLE public.{name} OWNER TO {OWNER};"),
        "  END IF;".to_owned(),
    ];
    for (role, rights) in [(ROUTER, table.router), (SENDER, table.sender), (ADMIN, table.admin), (READER, table.reader)]
    {
        lines.push(format!("  REVOKE ALL ON public.{name} FROM {role};"));
        if !rights.is_empty() {
            lines.push(format!("  GRANT {rights} ON public.{name} TO {role};"));
        }
    }
    lines.push("END IF; END $$;".to_owned());
    lines.join("\n")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::migrations;
    use super::*;

    /// The tables that all migrations together leave.
    fn tables() -> BTreeSet<String> {
        let mut tables = BTreeSet::from(["_sqlx_migrations".to_owned()]);
        for migration in &migrations::ALL {
            let words: Vec<&str> = migration.postgres.split_whitespace().collect();
            for three in words.windows(3) {
                match three {
                    ["CREATE", "TABLE", name] => drop(tables.insert((*name).to_owned())),
                    ["DROP", "TABLE", name] => drop(tables.remove(name.trim_end_matches(';'))),
                    _ => {}
                }
            }
        }
        tables
    }

    #[test]
    fn every_table_has_its_row() {
        let rows: BTreeSet<String> = TABLES.iter().map(|table| table.name.to_owned()).collect();
        assert_eq!(rows.len(), TABLES.len(), "each once");
        assert_eq!(rows, tables());
    }

    #[test]
    fn nobody_but_the_owner_rewrites_the_audit_log() {
        let audit = TABLES.iter().find(|table| table.name == "audit").unwrap();
        for rights in [audit.router, audit.sender, audit.admin, audit.reader] {
            assert!(!rights.contains("UPDATE") && !rights.contains("DELETE"), "{rights}");
        }
        let reads = |table: &Table| [NONE, READ, COUNT_PARKED].contains(&table.reader);
        assert!(TABLES.iter().all(reads), "the reader changes nothing");
    }

    #[test]
    fn the_statements_name_the_database() {
        let sql = grants("way\"post");
        assert!(sql.contains("GRANT CONNECT ON DATABASE \"way\"\"post\" TO waypost_migrate, waypost_router"), "{sql}");
        assert!(
            sql.contains("  REVOKE ALL ON public.audit FROM waypost_admin;\n  GRANT SELECT, INSERT ON public.audit")
        );
    }
}
