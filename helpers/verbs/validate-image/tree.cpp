// SPDX-License-Identifier: Apache-2.0
#include "verbs/validate-image/tree.hpp"

#include <array>
#include <cerrno>
#include <fts.h>
#include <memory>

#include "base/error.hpp"

namespace eks {

void walk_tree(const Root& root, const std::string& path,
        const std::function<void(std::string_view path, const struct stat& st)>& visit)
{
        struct Close {
                void operator()(FTS* tree) const { ::fts_close(tree); }
        };
        auto top = root(path);
        std::array<char*, 2> tops{top.data(), nullptr};

        const std::unique_ptr<FTS, Close> tree(
                ::fts_open(tops.data(), FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, nullptr));
        if (!tree)
                throw io_error("read", top, errno);

        while (const FTSENT* entry = ::fts_read(tree.get())) {
                if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR)
                        throw io_error("read", entry->fts_path, entry->fts_errno);
                if (entry->fts_info == FTS_DP || entry->fts_info == FTS_NS)
                        continue; // seen before its content, or gone meanwhile

                std::string_view here(entry->fts_path, entry->fts_pathlen);
                here.remove_prefix(root.prefix().size());

                while (here.starts_with("//"))
                        here.remove_prefix(1);
                visit(here, *entry->fts_statp);
        }
}

} // namespace eks
