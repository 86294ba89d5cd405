//! An answer as it is read: elements by their names, whatever their namespace.

use roxmltree::{Document, Node};

/// An element of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Xml<'a>(Node<'a, 'a>);

impl<'a> Xml<'a> {
    pub(super) fn root(document: &'a Document<'a>) -> Self {
        Self(document.root_element())
    }

    /// The element at a path of names below this one, as `instanceState/name`.
    pub fn at(self, path: &str) -> Option<Self> {
        path.split('/').try_fold(self, |at, name| at.children().find(|child| child.is(name)))
    }

    /// The text at a path; nothing, if that is empty.
    pub fn text(self, path: &str) -> Option<&'a str> {
        self.at(path)?.0.text().map(str::trim).filter(|text| !text.is_empty())
    }

    /// What is at a path, read as a number, say; nothing, if it is none.
    pub fn parsed<T: std::str::FromStr>(self, path: &str) -> Option<T> {
        self.text(path)?.parse().ok()
    }

    /// The members of the list at a path; none, if there is no such list.
    pub fn list(self, path: &str) -> impl Iterator<Item = Self> {
        self.at(path).into_iter().flat_map(Self::children)
    }

    /// The text of this element itself.
    pub fn own_text(self) -> Option<&'a str> {
        self.0.text().map(str::trim)
    }

    fn children(self) -> impl Iterator<Item = Self> {
        self.0.children().filter(Node::is_element).map(Self)
    }

    fn is(self, name: &str) -> bool {
        self.0.tag_name().name() == name
    }

    /// The code and the message of a refusal, which each service wraps in its own way.
    pub(super) fn refusal(self) -> Option<(&'a str, &'a str)> {
        let error = self.0.descendants().map(Self).find(|element| element.is("Error"))?;
        Some((error.text("Code")?, error.text("Message").unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_by_names() {
        let text = "<R xmlns='urn:x'><set><item><id> 1 </id></item><item><id>2</id></item></set>\
                    <empty/></R>";
        let document = Document::parse(text).unwrap();
        let root = Xml::root(&document);
        let ids: Vec<_> = root.list("set").filter_map(|item| item.parsed::<u32>("id")).collect();
        assert_eq!(ids, [1, 2]);
        assert_eq!((root.text("empty"), root.text("nothing")), (None, None));
        assert_eq!(root.list("nothing").count(), 0);
        assert_eq!(root.text("set/item/id"), Some("1"));
    }

    #[test]
    fn refusals_are_found_in_both_wrappings() {
        for text in [
            "<Response><Errors><Error><Code>A</Code><Message>b</Message></Error></Errors></Response>",
            "<ErrorResponse xmlns='x'><Error><Type>Sender</Type><Code>A</Code><Message>b</Message>\
             </Error></ErrorResponse>",
        ] {
            let document = Document::parse(text).unwrap();
            assert_eq!(Xml::root(&document).refusal(), Some(("A", "b")));
        }
        let page = Document::parse("<html><h1>Bad Gateway</h1></html>").unwrap();
        assert_eq!(Xml::root(&page).refusal(), None);
    }
}
