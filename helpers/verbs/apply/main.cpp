// SPDX-License-Identifier: Apache-2.0
#include "verbs/apply/apply.hpp"

int main(int argc, char** argv)
{
        return eks::run_apply(argc, argv);
}
