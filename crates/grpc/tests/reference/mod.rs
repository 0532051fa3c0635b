//! Makes the reference of a server's interface out of the comments of its `.proto` files and its table of roles. Taken in by the
//! tests of the components that serve something (`#[path]`), which know their tables.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto};
use waypost_grpc::Access;

/// One interface.
pub(crate) struct Reference {
    /// Beside `/proto`.
    pub file: &'static str,
    /// Before everything.
    pub head: &'static str,
    /// The folders below `/proto/waypost` whose files it shows.
    pub packages: &'static [&'static str],
    /// Who may call what.
    pub methods: &'static [(&'static str, Access)],
    /// How it is written anew.
    pub remedy: &'static str,
}

/// Holds the committed file to what is made; `WAYPOST_REGENERATE=1` writes it anew instead.
pub(crate) fn check(reference: &Reference) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let made = reference.text(&root);
    let committed = root.join(reference.file);
    if std::env::var_os("WAYPOST_REGENERATE").is_some() {
        std::fs::write(&committed, &made).unwrap();
    }
    let have = std::fs::read_to_string(&committed).unwrap_or_default();
    assert!(have == made, "{} is stale: run WAYPOST_REGENERATE=1 {}", reference.file, reference.remedy);
}

/// A file with its comments, by the path of what they stand before as the descriptor counts it.
struct File {
    proto: FileDescriptorProto,
    comments: HashMap<Vec<i32>, String>,
}

impl Reference {
    fn text(&self, root: &Path) -> String {
        let files = self.files(root);
        let mut text = self.head.to_owned();
        text.push_str("\n| service | |\n|---|---|\n");
        for file in &files {
            for (place, service) in (0..).zip(&file.proto.service) {
                let (name, anchor) = (service.name(), service.name().to_lowercase());
                writeln!(text, "| [{name}](#{anchor}) | {} |", first_sentence(file.comment(&[6, place]))).unwrap();
            }
        }
        for file in &files {
            self.write_file(&mut text, file);
        }
        text
    }

    fn files(&self, root: &Path) -> Vec<File> {
        let folders = self.packages.iter().map(|package| root.join(format!("waypost/{package}/v1")));
        let found = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap());
        let mut sources: Vec<PathBuf> = found.map(|file| file.unwrap().path()).collect();
        sources.sort();
        let set = protox::compile(&sources, [root]).unwrap();
        let mut files = Vec::new();
        for package in self.packages {
            let name = format!("waypost.{package}.v1");
            let ours = set.file.iter().filter(|file| file.package() == name);
            let mut of_package: Vec<File> = ours.cloned().map(File::new).collect();
            of_package.sort_by(|a, b| a.proto.name().cmp(b.proto.name()));
            files.extend(of_package);
        }
        files
    }

    fn write_file(&self, text: &mut String, file: &File) {
        let messages: BTreeMap<&str, (i32, &DescriptorProto)> =
            (0..).zip(&file.proto.message_type).map(|(place, message)| (message.name(), (place, message))).collect();
        let mut shown = Vec::new();
        for (place, service) in (0..).zip(&file.proto.service) {
            writeln!(text, "\n## {}\n\n{}", service.name(), file.comment(&[6, place])).unwrap();
            for (number, method) in (0..).zip(&service.method) {
                let path = format!("/{}.{}/{}", file.proto.package(), service.name(), method.name());
                let comment = file.comment(&[6, place, 2, number]);
                writeln!(text, "\n### {}\n\n{comment}\n\nFor {}.", method.name(), self.callers(&path)).unwrap();
                for (label, name) in [("Request", method.input_type()), ("Answer", method.output_type())] {
                    let (index, message) = messages[short(name)];
                    shown.push(message.name());
                    writeln!(text, "\n{label}:{}", self.fields(file, index, message)).unwrap();
                }
            }
        }
        for (place, message) in (0..).zip(&file.proto.message_type) {
            if !shown.contains(&message.name()) {
                let comment = paragraph(file.comment(&[4, place]));
                writeln!(
                    text,
                    "\n### {}\n\n{comment}{}",
                    message.name(),
                    self.fields(file, place, message).trim_start()
                )
                .unwrap();
            }
        }
        for (place, one) in (0..).zip(&file.proto.enum_type) {
            write_enum(text, file, place, one);
        }
    }

    fn callers(&self, path: &str) -> String {
        let method = path.trim_start_matches('/');
        match self.methods.iter().find(|(name, _)| *name == method).map(|(_, access)| access) {
            Some(Access::AnyOf(roles)) => {
                let roles: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
                format!("the roles {}", roles.join(", "))
            }
            Some(Access::Open) => "anybody who can connect".to_owned(),
            None => panic!("{path} has no row in the table of roles"),
        }
    }

    fn fields(&self, file: &File, place: i32, message: &DescriptorProto) -> String {
        if message.field.is_empty() {
            return " nothing.".to_owned();
        }
        let mut table = "\n\n| field | type | |\n|---|---|---|".to_owned();
        for (number, field) in (0..).zip(&message.field) {
            let comment = file.comment(&[4, place, 2, number]).replace('|', "\\|");
            let choice = field.oneof_index.and_then(|index| message.oneof_decl.get(usize::try_from(index).unwrap()));
            let choice = choice.map_or_else(String::new, |choice| format!("One of `{}`. ", choice.name()));
            write!(table, "\n| `{}` | {} | {choice}{comment} |", field.name(), self.type_of(field, message)).unwrap();
        }
        table
    }

    fn type_of(&self, field: &FieldDescriptorProto, message: &DescriptorProto) -> String {
        let name = short(field.type_name());
        if let Some(entry) = message.nested_type.iter().find(|nested| nested.name() == name) {
            return format!(
                "map of {} to {}",
                self.type_of(&entry.field[0], entry),
                self.type_of(&entry.field[1], entry)
            );
        }
        let one = match field.r#type() {
            Type::Message | Type::Enum if self.shows(field.type_name()) => {
                format!("[{name}](#{})", name.to_lowercase())
            }
            // What both interfaces share is told in one of them.
            Type::Message | Type::Enum if field.type_name().starts_with(".waypost.sends.v1.") => {
                format!("[{name}](GATEWAY.md#{})", name.to_lowercase())
            }
            Type::Message | Type::Enum => name.to_owned(),
            scalar => scalar.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
        };
        if field.label() == Label::Repeated { format!("list of {one}") } else { one }
    }

    fn shows(&self, type_name: &str) -> bool {
        self.packages.iter().any(|package| type_name.starts_with(&format!(".waypost.{package}.v1.")))
    }
}

impl File {
    fn new(proto: FileDescriptorProto) -> Self {
        let locations = proto.source_code_info.clone().unwrap_or_default().location;
        let comment = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned();
        let comments = locations.into_iter().map(|place| (place.path.clone(), comment(place.leading_comments())));
        Self { comments: comments.collect(), proto }
    }

    fn comment(&self, path: &[i32]) -> &str {
        self.comments.get(path).map_or("", String::as_str)
    }
}

fn write_enum(text: &mut String, file: &File, place: i32, one: &EnumDescriptorProto) {
    let comment = paragraph(file.comment(&[5, place]));
    write!(text, "\n### {}\n\n{comment}| value | |\n|---|---|\n", one.name()).unwrap();
    for (number, value) in (0..).zip(&one.value) {
        // Nobody sends the unspecified one.
        if value.number() != 0 {
            writeln!(text, "| `{}` | {} |", value.name(), file.comment(&[5, place, 2, number])).unwrap();
        }
    }
}

/// The last part of a name.
fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn paragraph(comment: &str) -> String {
    if comment.is_empty() { String::new() } else { format!("{comment}\n\n") }
}

fn first_sentence(comment: &str) -> &str {
    comment.split_inclusive(". ").next().unwrap_or_default().trim()
}
