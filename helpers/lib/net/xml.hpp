// SPDX-License-Identifier: Apache-2.0
// An XML document as a tree, as far as answers of AWS need it: elements and text, without attributes. expat
// parses it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eks {

class XmlElement {
public:
        explicit XmlElement(std::string name) : name_(std::move(name)) {}

        const std::string& name() const { return name_; }
        const std::vector<XmlElement>& children() const { return children_; }
        const std::string& text() const { return text_; } // its own, without that of its children

        // The first descendant on the path "a/b/c", or null.
        const XmlElement* find(std::string_view path) const;
        std::string text_at(std::string_view path) const; // "" if it is absent

private:
        friend class XmlReader;

        std::string name_;
        std::string text_;
        std::vector<XmlElement> children_;
};

// The root element, without the namespaces. Throws Error (aws_answer) that begins with `what` for text that
// is not well-formed, has a document type declaration, or nests more than 64 elements: a proxy may send
// anything.
XmlElement parse_xml(std::string_view text, std::string_view what);

} // namespace eks
