//! Forms with files, as clients upload them (RFC 7578). Reads bytes that are all there, and no more than is needed.

use bytes::Bytes;

/// A form has a few parts; more are nobody's.
const PARTS_MAX: usize = 20;

/// One field of a form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    /// Of a file, as the client says.
    pub(crate) content_type: Option<String>,
    pub(crate) content: Bytes,
}

/// The parts of `body`; `None` where it is no such form.
pub(crate) fn read(content_type: &str, body: &Bytes) -> Option<Vec<Part>> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(parameters, "boundary")?;
    let delimiter = format!("--{boundary}").into_bytes();
    let mut parts = Vec::new();
    let mut at = find(body, &delimiter, 0)? + delimiter.len();
    while parts.len() < PARTS_MAX {
        if body.get(at..at + 2)? == b"--" {
            return Some(parts);
        }
        let head_begins = at + 2;
        let head_ends = find(body, b"\r\n\r\n", at)?;
        // A part without headers has its end of line twice.
        let head = std::str::from_utf8(body.get(head_begins..head_ends).unwrap_or_default()).ok()?;
        let content_begins = head_ends + 4;
        let next = find(body, &delimiter, content_begins)?;
        let content_ends = next.checked_sub(2).filter(|end| *end >= content_begins)?;
        parts.push(part(head, body.slice(content_begins..content_ends))?);
        at = next + delimiter.len();
    }
    None
}

fn part(head: &str, content: Bytes) -> Option<Part> {
    let header = |wanted: &str| {
        head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    };
    let name = parameter(header("content-disposition")?, "name")?;
    Some(Part { name, content_type: header("content-type").map(str::to_owned), content })
}

fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn find(bytes: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(wanted.len()).position(|window| window == wanted).map(|place| from + place)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "--x y\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\nimage/png\r\n--x y\r\n\
        content-disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\r\nbytes\r\n\r\n--x y--\r\n";

    #[test]
    fn a_form_is_read_part_by_part() {
        let parts = read("multipart/form-data; boundary=\"x y\"", &Bytes::from_static(FORM.as_bytes())).unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].name.as_str(), parts[0].content.as_ref()), ("type", b"image/png".as_slice()));
        assert_eq!(parts[1].content.as_ref(), b"\r\nbytes\r\n");
        assert_eq!(parts[1].content_type.as_deref(), Some("image/png"));
    }

    #[test]
    fn what_is_cut_off_is_no_form() {
        let whole = "multipart/form-data; boundary=x y";
        for length in 0..FORM.len() - 4 {
            assert_eq!(read(whole, &Bytes::copy_from_slice(&FORM.as_bytes()[..length])), None, "{length}");
        }
        assert_eq!(read("application/json", &Bytes::from_static(FORM.as_bytes())), None);
    }
}
