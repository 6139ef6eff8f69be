//! CLIXML, in which PowerShell writes errors to a stderr that is no console: the text that it stands for.

use quick_xml::Reader;
use quick_xml::events::Event;

const HEADER: &str = "#< CLIXML";

/// Errors as text; what is no CLIXML stays as it is. There may be several documents, and text around them.
pub fn decode(stderr: &str) -> String {
    let mut text = String::new();
    let mut rest = stderr;
    while let Some(at) = rest.find("<Objs") {
        text.push_str(&rest[..at].replace(HEADER, ""));
        let end = rest[at..].find("</Objs>").map_or(rest.len(), |length| at + length + "</Objs>".len());
        // A document that was cut gives what there is of it.
        errors(&rest[at..end], &mut text);
        rest = &rest[end..];
    }
    text.push_str(&rest.replace(HEADER, ""));
    let lines = text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// The strings of the error stream; progress, verbose and the like are left out.
fn errors(document: &str, text: &mut String) {
    let mut reader = Reader::from_str(document);
    let mut within = false;
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(tag) if tag.name().as_ref() == "S" => {
                let stream = tag.try_get_attribute("S").ok().flatten();
                within = stream.is_some_and(|stream| stream.value.as_ref() == "Error");
            }
            Event::End(_) => within = false,
            Event::Text(part) if within => text.push_str(&plain(&part)),
            Event::GeneralRef(name) if within => {
                let entity = format!("&{};", name.as_ref() as &str);
                text.push_str(&quick_xml::escape::unescape(&entity).unwrap_or_default());
            }
            Event::Eof => break,
            _ => {}
        }
    }
}

/// `_x000D__x000A_` is the end of a line: characters that XML does not hold are written with their number.
fn plain(text: &str) -> String {
    let mut units: Vec<u16> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let number = rest
            .strip_prefix("_x")
            .and_then(|rest| rest.split_at_checked(4))
            .and_then(|(number, rest)| u16::from_str_radix(number, 16).ok().zip(rest.strip_prefix('_')));
        match number {
            Some((number, after)) => {
                units.push(number);
                rest = after;
            }
            None => {
                units.extend(first.encode_utf16(&mut [0; 2]).iter());
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_and_progress_is_not() {
        let stderr = concat!(
            "#< CLIXML\r\n<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\">",
            "<Obj S=\"progress\" RefId=\"0\"><MS><S N=\"Activity\">Preparing</S></MS></Obj>",
            "<S S=\"Error\">The VM &quot;7&quot; is _x00FC_ber &lt;full&gt;._x000D__x000A_</S>",
            "<S S=\"Error\">At line:1_x000D__x000A_</S><S S=\"verbose\">x</S></Objs>",
        );
        assert_eq!(decode(stderr), "The VM \"7\" is über <full>.\nAt line:1");
    }

    #[test]
    fn several_documents_and_the_text_around_them_are_read() {
        let document = |text: &str| format!("#< CLIXML\n<Objs><S S=\"Error\">{text}_x000A_</S></Objs>");
        assert_eq!(
            decode(&format!("before\n{}{}after\n", document("one"), document("two"))),
            "before\none\ntwo\nafter"
        );
    }

    #[test]
    fn what_is_no_clixml_or_was_cut_is_kept() {
        assert_eq!(decode("plain _x000D_ text\r\n"), "plain _x000D_ text");
        assert_eq!(decode("#< CLIXML\n<Objs><S S=\"Error\">half"), "half");
        assert_eq!(decode(""), "");
        assert_eq!(plain("_xZZZZ_ _x00_ _x0041_ _xD83D__xDE00_"), "_xZZZZ_ _x00_ A \u{1F600}");
    }
}
