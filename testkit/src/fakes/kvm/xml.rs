//! XML as a tree, as far as libvirt's definitions need it.

use quick_xml::Reader;
use quick_xml::escape::{escape, unescape};
use quick_xml::events::{BytesStart, Event};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Node>,
    pub text: String,
}

impl Node {
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    #[must_use]
    pub fn with(mut self, attribute: &str, value: impl Into<String>) -> Self {
        self.set(attribute, value);
        self
    }

    #[must_use]
    pub fn saying(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.attributes.retain(|(known, _)| known != name);
        self.attributes.push((name.to_owned(), value.into()));
    }

    pub fn child(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|child| child.name == name)
    }

    pub fn child_mut(&mut self, name: &str) -> Option<&mut Node> {
        self.children.iter_mut().find(|child| child.name == name)
    }

    /// An attribute of a child.
    pub fn of(&self, child: &str, attribute: &str) -> Option<&str> {
        self.child(child)?.attribute(attribute)
    }

    /// Gives why it is no XML.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut reader = Reader::from_str(text);
        // Never closed: what is read collects in it.
        let mut open = vec![Node::default()];
        loop {
            match reader.read_event().map_err(|error| error.to_string())? {
                Event::Start(start) => open.push(begun(&start)?),
                Event::Empty(start) => last(&mut open)?.children.push(begun(&start)?),
                Event::End(_) => {
                    let mut node = open.pop().ok_or("an end without a beginning")?;
                    node.text = node.text.trim().to_owned();
                    last(&mut open)?.children.push(node);
                }
                Event::Text(text) => last(&mut open)?.text.push_str(&text),
                Event::GeneralRef(reference) => {
                    let text = format!("&{};", &*reference);
                    let text = unescape(&text).map_err(|error| error.to_string())?.into_owned();
                    last(&mut open)?.text.push_str(&text);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let [root] = open.as_mut_slice() else { return Err("a beginning without an end".into()) };
        match root.children.as_mut_slice() {
            [document] => Ok(std::mem::take(document)),
            other => Err(format!("{} documents", other.len())),
        }
    }

    pub fn write(&self) -> String {
        let mut text = String::new();
        self.write_into(&mut text, 0);
        text
    }

    fn write_into(&self, into: &mut String, depth: usize) {
        let indent = "  ".repeat(depth);
        into.push_str(&format!("{indent}<{}", self.name));
        for (name, value) in &self.attributes {
            into.push_str(&format!(" {name}='{}'", escape(value.as_str())));
        }
        if self.children.is_empty() && self.text.is_empty() {
            into.push_str("/>\n");
        } else if self.children.is_empty() {
            into.push_str(&format!(">{}</{}>\n", escape(self.text.as_str()), self.name));
        } else {
            into.push_str(">\n");
            self.children.iter().for_each(|child| child.write_into(into, depth + 1));
            into.push_str(&format!("{indent}</{}>\n", self.name));
        }
    }
}

fn begun(start: &BytesStart<'_>) -> Result<Node, String> {
    let mut node = Node::new(start.name().0);
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = unescape(&attribute.value).map_err(|error| error.to_string())?.into_owned();
        node.attributes.push((attribute.key.0.to_owned(), value));
    }
    Ok(node)
}

fn last(open: &mut [Node]) -> Result<&mut Node, String> {
    open.last_mut().ok_or_else(|| "an end without a beginning".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_again() {
        let text = "<a b='1 &amp; 2'>\n  <c>x &lt; y</c>\n  <d/>\n</a>\n";
        let node = Node::read(text).unwrap();
        assert_eq!((node.attribute("b"), node.child("c").map(|c| c.text.as_str())), (Some("1 & 2"), Some("x < y")));
        assert_eq!(node.write(), text);
        for wrong in ["", "<a", "<a><b></a>", "<a/><b/>", "</a>"] {
            assert!(Node::read(wrong).is_err(), "{wrong}");
        }
    }
}
