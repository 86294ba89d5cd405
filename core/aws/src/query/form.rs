//! A call's form: its action and its parameters.

use std::fmt::Display;

use aws_smithy_http::query::fmt_string;

/// An action and its parameters, in the order in which they are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// A call without parameters.
    pub fn new(action: &str) -> Self {
        Self(vec![("Action".to_owned(), action.to_owned())])
    }

    /// The same with a parameter.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.0.push((name.into(), value.to_string()));
        self
    }

    /// The same with a parameter, if there is a value for it.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The same with a list: `NAME.1`, `NAME.2` and so on. Lists of some services are called
    /// `NAME.member`.
    #[must_use]
    pub fn with_all(self, name: &str, values: impl IntoIterator<Item: Display>) -> Self {
        let numbered = values.into_iter().zip(1..);
        numbered.fold(self, |form, (value, n)| form.with(format!("{name}.{n}"), value))
    }

    /// The same with a filter of EC2: the instances whose `name` is one of `values`.
    #[must_use]
    pub fn with_filter(
        self,
        number: usize,
        name: &str,
        values: impl IntoIterator<Item: Display>,
    ) -> Self {
        let filter = format!("Filter.{number}");
        self.with(format!("{filter}.Name"), name).with_all(&format!("{filter}.Value"), values)
    }

    /// Whether the call does more than look.
    pub(super) fn changes_something(&self) -> bool {
        !self.0.iter().any(|(name, value)| name == "Action" && value.starts_with("Describe"))
    }

    /// The body of its request.
    pub(super) fn into_body(self, version: &str) -> String {
        let mut body = format!("Version={version}");
        for (name, value) in self.0 {
            body.push('&');
            body.push_str(&fmt_string(name));
            body.push('=');
            body.push_str(&fmt_string(value));
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn a_form_is_encoded_and_its_lists_are_numbered() {
        let form = Form::new("DescribeInstances")
            .with_filter(1, "tag:pixmill:fleet", ["a b&c"])
            .with_all("InstanceId", ["i-1", "i-2"])
            .with_some("NextToken", None::<&str>);
        assert_eq!(
            form.into_body("2016-11-15"),
            "Version=2016-11-15&Action=DescribeInstances&Filter.1.Name=tag%3Apixmill%3Afleet&\
             Filter.1.Value.1=a%20b%26c&InstanceId.1=i-1&InstanceId.2=i-2"
        );
    }
}
