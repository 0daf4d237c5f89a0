internal import CommandSyntax

/// The help topics other than commands; the files in `Topics` contain their texts.
extension HelpTopic {
    static let exitCodes = HelpTopic(
        name: "exit-codes", summary: "The meaning of each exit code",
        text: text(PackageResources.exit_codes_txt))

    static let environment = HelpTopic(
        name: "environment", summary: "The variables and files that vault reads",
        text: text(PackageResources.environment_txt))

    static let toml = HelpTopic(
        name: "toml", summary: "What a .vault.toml declares about a project and its secrets",
        text: text(PackageResources.toml_txt))

    static let unattended = HelpTopic(
        name: "unattended", summary: "Use without a person: key files, commands and what they protect",
        text: text(PackageResources.unattended_txt))

    static let git = HelpTopic(
        name: "git", summary: "A vault in a git repository: merge it, and see what changed",
        text: text(PackageResources.git_txt))

    static let migrate = HelpTopic(
        name: "migrate", summary: "Moving from Gradient, .env files, pass, KeePass, 1Password",
        text: text(PackageResources.migrate_txt))

    static let recipes = HelpTopic(
        name: "recipes", summary: "direnv, sudo, and other programs that take secrets",
        text: text(PackageResources.recipes_txt))

    private static func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.dropLast(), as: UTF8.self)
    }
}
