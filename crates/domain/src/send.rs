//! What the business sends: the request, its content, and how far each send has come. Whether it may go is decided in
//! `waypost-policy`; this module must never judge.

pub mod content;
mod mark;
mod order;
mod progress;
mod request;
mod state;
mod template;

pub use content::FreeForm;
pub use mark::Mark;
pub use order::{OrderLimits, Predecessor, Turn, turn};
pub use progress::{Progress, Told};
pub use request::{Author, Cause, InvalidSendId, SendClass, SendContent, SendId, SendRequest};
pub use state::{SendState, Step};
pub use template::{
    ButtonParameter, ButtonValue, HeaderValue, Parameter, ParameterValue, TemplateMessage, TemplateRequest, Values,
};
