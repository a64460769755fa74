// SPDX-License-Identifier: Apache-2.0
#include "systemd/kubelet_arguments.hpp"

#include "base/fs.hpp"
#include "base/text.hpp"
#include "systemd/systemd_words.hpp"

namespace eks {

std::vector<std::string> written_kubelet_arguments(const Root& root)
{
        const auto text = read_file_if_exists(root(kubelet_environment_path)).value_or("");
        for (auto line : lines(text))
                if (line.starts_with(kubelet_arguments_variable)) {
                        line.remove_prefix(kubelet_arguments_variable.size());
                        if (line.starts_with('='))
                                return split_as_systemd(line.substr(1)).words;
                }

        return {};
}

} // namespace eks
