// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/messages.hpp"
#include "base/secrets.hpp"

namespace eks {

// A failure, as texts for the journal: the cause and the remedy.
class Error : public std::runtime_error {
public:
        // Recognisable secrets are removed from both texts; see secrets.hpp.
        Error(const Failure& failure, const std::string& what, const std::string& remedy = {});

        const Failure& failure() const noexcept { return *failure_; }
        const std::string& remedy() const noexcept { return remedy_; }
        int exit_status() const noexcept { return static_cast<int>(failure_->status); }

        // Cause and remedy as one text, for the console, `systemctl status` and terminals.
        std::string full_text() const;

private:
        const Failure* failure_; // points at a constant of messages.hpp
        std::string remedy_;
};

// An Error about this machine: on another one, the same configuration may be right.
class MachineError : public Error {
public:
        using Error::Error;
};

// An Error of kind file_io with errno's text: "cannot <verb> '<path>': No such file or directory". The
// remedy names the owner or the file system that is in the way.
Error io_error(std::string_view verb, std::string_view path, int errno_value);

// Run f; an Error that leaves it gets "<where>: " in front of its text, any other exception becomes an Error
// of kind `foreign`. This is how a library's exception is translated at the boundary where it arises.
template <typename F>
auto in_context(std::string_view where, const Failure& foreign, const F& f)
{
        try {
                return f();
        } catch (const Error& e) {
                throw Error(e.failure(), std::string(where) + ": " + e.what(), e.remedy());
        } catch (const std::exception& e) {
                throw Error(foreign, std::string(where) + ": " + without_input(e.what()));
        }
}

// The same for a file that is installed with eksnode, so that errors in it are not reported as the user's.
template <typename F>
auto in_vendor_file(std::string_view path, const F& f)
{
        try {
                return f();
        } catch (const std::exception& e) {
                throw Error(failure::vendor_file, std::string(path) + ": " + without_input(e.what()),
                        "Reinstall eksnode, or correct the file");
        }
}

} // namespace eks
