//! The differences that there are, each kind with its reason. Whatever else differs fails, and so does one that is gone.

/// A kind of difference.
pub(super) struct Expected {
    /// Part of where it was recorded and what was asked.
    place: &'static str,
    /// Part of how it differs.
    text: &'static str,
    /// How often there is such a one.
    pub(super) times: usize,
    /// Why it is as it should be.
    pub(super) reason: &'static str,
}

const fn row(place: &'static str, text: &'static str, times: usize, reason: &'static str) -> Expected {
    Expected { place, text, times, reason }
}

/// All of them. The first one that fits counts.
pub(super) const EXPECTED: [Expected; 15] = [
    // Roles that organizations own.
    row(
        "POST /api/v2/roles",
        "No enum match for: organization",
        3,
        "there are no organizations, whose roles these are",
    ),
    row("TestAccDataSourceOrganizationRole", "The role does not exist.", 4, "the role of an organization was not made"),
    row("TestAccRoleOrganizationLevel", "The role does not exist.", 4, "the role of an organization was not made"),
    row("TestAccRoleTypeAndOwnerID", "The role does not exist.", 2, "the role of an organization was not made"),
    // Roles as the recorders' tenants differ in showing them.
    row(
        "/api/v2/roles",
        ".type is missing, which is \"tenant\"",
        28,
        "there is one type of roles; most tenants show none",
    ),
    row(
        "TestAccOrganizationMemberRole",
        ".description is missing, which is null",
        2,
        "all others leave it out of this answer",
    ),
    // The Management API's permissions are what this program can do.
    row("/api/v2/resource-servers/", ".scopes has ", 4, "the Management API has more permissions there"),
    row("/api/v2/client-grants?", ".scope has ", 4, "the Management API has more permissions there"),
    row(
        "/api/v2/client-grants",
        "scope must be a subset",
        6,
        "only permissions that the Management API has are granted",
    ),
    row("Auth0_Api_V2_ClientGrants/_patch", "The grant does not exist.", 1, "the grant of `test:scope` was not made"),
    // Applications.
    row("PATCH /api/v2/clients/", "The client does not exist", 2, "the global application has another id here"),
    row(
        "TestClientGrant_ExpressConfiguration",
        " is missing",
        10,
        "express configuration is an offer of the original alone",
    ),
    // Lists without ids can't be reduced to what the recorder made in a tenant that others use too.
    row("_filters/should_exclude_fields_not_specified", " has 2 entries", 1, "the recorder's tenant has others"),
    row("_filters/should_include_the_specified_fields", " has 2 entries", 1, "the recorder's tenant has others"),
    row("_filters/should_paginate_results", "[0].name is ", 1, "the recorder's tenant has others"),
];

/// The row that explains such a difference.
pub(super) fn row_of(place: &str, text: &str) -> Option<usize> {
    EXPECTED.iter().position(|row| place.contains(row.place) && text.contains(row.text))
}
