"""From mirrors, or from what the user brought, to raw folders: fetched, checked, unpacked."""
