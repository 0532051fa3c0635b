//! Holds the committed code and descriptors of the administration and the gateway, and of what both share, to
//! `/proto/waypost/admin`, `gateway` and `sends`; `WAYPOST_REGENERATE=1` writes them anew instead.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use prost::Message;
use prost_build::{Method, Service, ServiceGenerator};
use prost_types::FileDescriptorSet;

#[test]
fn generated_code_is_current() {
    let fresh = tempfile::tempdir().unwrap();
    generate(fresh.path());
    for made in std::fs::read_dir(fresh.path()).unwrap() {
        compare(&made.unwrap().path());
    }
}

/// The committed file of the same name must have the same bytes.
fn compare(made: &Path) {
    let name = made.file_name().unwrap();
    let want = std::fs::read(made).unwrap();
    let committed = crate_root().join("src/generated").join(name);
    if std::env::var_os("WAYPOST_REGENERATE").is_some() {
        std::fs::write(&committed, &want).unwrap();
    }
    let have = std::fs::read(&committed).unwrap_or_default();
    assert!(have == want, "{name:?} is stale: run WAYPOST_REGENERATE=1 cargo test -p waypost-proto");
}

/// The packages that are served. What they share is generated before, on its own.
const SERVED: [&str; 2] = ["admin", "gateway"];

fn generate(folder: &Path) {
    let root = crate_root().join("../../proto");
    config(folder).compile_fds(descriptors(&root, "sends")).unwrap();
    for package in SERVED {
        let mut descriptors = descriptors(&root, package);
        let mut config = config(folder);
        config.extern_path(".waypost.sends.v1", "crate::sends_v1");
        config.service_generator(Box::new(ClientsAndServers)).compile_fds(descriptors.clone()).unwrap();
        // Places and comments take most of a descriptor set, and nobody asks the compiled-in one for them.
        for file in &mut descriptors.file {
            file.source_code_info = None;
        }
        std::fs::write(folder.join(format!("waypost.{package}.v1.binpb")), descriptors.encode_to_vec()).unwrap();
    }
}

fn config(folder: &Path) -> prost_build::Config {
    let mut config = prost_build::Config::new();
    config.enable_type_names().btree_map(["."]).out_dir(folder);
    // That package is generated on its own (`generated.rs`).
    config.extern_path(".waypost.rules.v1", "crate::rules_v1");
    config
}

/// The files of a package, and what they import.
fn descriptors(root: &Path, package: &str) -> FileDescriptorSet {
    let files = std::fs::read_dir(root.join(format!("waypost/{package}/v1"))).unwrap();
    let mut sources: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    sources.sort();
    protox::compile(&sources, [root]).unwrap()
}

/// Clients and servers of our own behind `dyn`: tonic's are generic over what carries or does the work, so that each crate
/// that uses them compiles all of the machinery again for each of their methods.
struct ClientsAndServers;

impl ServiceGenerator for ClientsAndServers {
    fn generate(&mut self, service: Service, text: &mut String) {
        write_client(&service, text);
        write_server(&service, text);
    }
}

/// How many messages go each way.
enum Shape {
    Unary,
    /// Several are answered.
    ForMany,
    /// Several are asked with.
    WithMany,
}

fn shape(method: &Method) -> Shape {
    match (method.client_streaming, method.server_streaming) {
        (false, false) => Shape::Unary,
        (false, true) => Shape::ForMany,
        (true, false) => Shape::WithMany,
        (true, true) => panic!("{} streams both ways: nothing does as yet", method.proto_name),
    }
}

fn write_client(service: &Service, text: &mut String) {
    let name = &service.name;
    let mut functions = String::new();
    let mut used = BTreeSet::from(["Call", "RpcTransport"]);
    for method in &service.methods {
        let (function, request, response) = (&method.name, &method.input_type, &method.output_type);
        let path = format!("/{}.{}/{}", service.package, service.proto_name, method.proto_name);
        method.comments.append_with_indent(2, &mut functions);
        let (names, takes, gives, does) = match shape(method) {
            Shape::Unary => (
                vec!["call"],
                format!("request: super::{request}"),
                format!("super::{response}"),
                format!("call(&self.0, {path:?}, &request)"),
            ),
            Shape::ForMany => (
                vec!["call_for_many", "Messages"],
                format!("request: super::{request}"),
                format!("Messages<super::{response}>"),
                format!("call_for_many(&self.0, {path:?}, &request)"),
            ),
            Shape::WithMany => (
                vec!["call_with_many"],
                format!("requests: futures_util::stream::BoxStream<'static, super::{request}>"),
                format!("super::{response}"),
                format!("call_with_many(&self.0, {path:?}, requests)"),
            ),
        };
        used.extend(names);
        write!(functions, "pub fn {function}(&self, {takes}) -> Call<{gives}> {{ {does} }}").unwrap();
    }
    let (module, used) = (module(name), listed(&used));
    write!(
        text,
        "/// Generated client implementations.
        #[cfg(feature = \"client\")]
        pub mod {module}_client {{
            use crate::rpc::{{{used}}};
            /// Calls the service of a server.
            #[derive(Clone)]
            pub struct {name}Client(std::sync::Arc<dyn RpcTransport>);
            impl {name}Client {{
                pub fn new(server: impl RpcTransport) -> Self {{
                    Self(std::sync::Arc::new(server))
                }}
                {functions}
            }}
        }}"
    )
    .unwrap();
}

/// What a server does with its methods.
#[derive(Default)]
struct Served {
    /// Of the trait.
    functions: String,
    /// By the names of methods.
    calls: String,
    streams: String,
    streaming: Vec<String>,
    used: BTreeSet<&'static str>,
}

impl Served {
    fn add(&mut self, method: &Method) {
        let (function, called) = (&method.name, &method.proto_name);
        let (mut request, mut response) =
            (format!("super::{}", method.input_type), format!("super::{}", method.output_type));
        let answer = |read: &str, write: &str| format!("{called:?} => Ok({write}(self.0.{function}({read}).await?)),");
        match shape(method) {
            Shape::Unary => {
                self.used.extend(["decode", "encode"]);
                self.calls.push_str(&answer("decode(request)?", "encode"));
            }
            Shape::ForMany => {
                self.used.extend(["Messages", "decode_one", "encode_many"]);
                response = format!("Messages<{response}>");
                self.streams.push_str(&answer("decode_one(request).await?", "encode_many"));
                self.streaming.push(format!("{called:?}"));
            }
            Shape::WithMany => {
                self.used.extend(["Messages", "decode_many", "encode_one"]);
                request = format!("Messages<{request}>");
                self.streams.push_str(&answer("decode_many(request)", "encode_one"));
                self.streaming.push(format!("{called:?}"));
            }
        }
        method.comments.append_with_indent(2, &mut self.functions);
        write!(
            self.functions,
            "async fn {function}(&self, request: tonic::Request<{request}>) \
             -> Result<tonic::Response<{response}>, tonic::Status>;"
        )
        .unwrap();
    }

    /// Empty where no method streams.
    fn streamed(&self) -> String {
        if self.streaming.is_empty() {
            return String::new();
        }
        let (names, streams) = (self.streaming.join(" | "), &self.streams);
        format!(
            "fn streams(&self, method: &str) -> bool {{
                matches!(method, {names})
            }}
            async fn stream(
                &self,
                method: &str,
                request: tonic::Request<Messages<bytes::Bytes>>,
            ) -> Result<tonic::Response<Messages<Vec<u8>>>, tonic::Status> {{
                match method {{
                    {streams}
                    {UNKNOWN}
                }}
            }}"
        )
    }
}

const UNKNOWN: &str = "_ => Err(tonic::Status::unimplemented(method.to_owned())),";

fn write_server(service: &Service, text: &mut String) {
    let name = &service.name;
    let mut served = Served { used: BTreeSet::from(["RpcService"]), ..Served::default() };
    service.methods.iter().for_each(|method| served.add(method));
    let streamed = served.streamed();
    let Served { functions, calls, used, .. } = served;
    let parameter = if calls.is_empty() { "_request" } else { "request" };
    let (module, used) = (module(name), listed(&used));
    let full_name = format!("{}.{}", service.package, service.proto_name);
    write!(
        text,
        "/// Generated server implementations.
        #[cfg(feature = \"server\")]
        pub mod {module}_server {{
            use crate::rpc::{{{used}}};
            /// What a server of this service can do.
            #[tonic::async_trait]
            pub trait {name}: Send + Sync + 'static {{ {functions} }}
            /// The service, with an implementation behind it.
            pub struct {name}Server(Box<dyn {name}>);
            impl {name}Server {{
                pub fn new(service: impl {name}) -> Self {{
                    Self(Box::new(service))
                }}
            }}
            #[tonic::async_trait]
            impl RpcService for {name}Server {{
                fn name(&self) -> &'static str {{
                    {full_name:?}
                }}
                async fn call(
                    &self,
                    method: &str,
                    {parameter}: tonic::Request<bytes::Bytes>,
                ) -> Result<tonic::Response<Vec<u8>>, tonic::Status> {{
                    match method {{
                        {calls}
                        {UNKNOWN}
                    }}
                }}
                {streamed}
            }}
        }}"
    )
    .unwrap();
}

fn listed(names: &BTreeSet<&str>) -> String {
    names.iter().copied().collect::<Vec<_>>().join(", ")
}

/// The name of a service's modules, without what they end with.
fn module(service: &str) -> String {
    let mut module = String::new();
    for letter in service.chars() {
        if letter.is_uppercase() && !module.is_empty() {
            module.push('_');
        }
        module.extend(letter.to_lowercase());
    }
    module
}

fn crate_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
