// next_hop_use.hpp - which next hops the pairs of a flow table use.
//
// Cost     one load of each live entry: some milliseconds for a million pairs.
// Thread   any. An entry that is being made may be missed: who acts on the answer must allow for it.
#pragma once

#include <vector>

#include "flows/table_view.hpp"

namespace twinpath {

// Sets `used[index]` for each of them.
void mark_next_hops(const TableView& table, std::vector<bool>& used);

}  // namespace twinpath
