internal import CommandSyntax
internal import Settings
internal import UserMessages

/// The command `vault config`.
struct ConfigCommand: Command {
    var json = false
    var common = CommonOptions()

    static let info = CommandInfo(
        name: "config", summary: "Show every setting and where it comes from",
        discussion: """
            The settings are in ${XDG_CONFIG_HOME:-~/.config}/vault/config.toml, a TOML file:

                vault = "~/work.vault"          # the vault file, unless --vault or VAULT_FILE names one
                idle = "1h"                     # what 'unlock' takes for --idle and --max
                max = "12h"
                auto_unlock = false             # true: a typed passphrase unlocks, as 'unlock' does
                backup_directory = "~/backups"  # where 'backup' without a DEST writes
                backup_keep = 30                # how many backups stay there
                color = "auto"                  # or "always", "never"

            Options and variables take precedence. A file that others can write, or that has an unknown
            key or value, is an error; 'lock', 'status' and 'doctor' work all the same.

            On a terminal, the output is a table. Otherwise, each line is KEY, VALUE and ORIGIN, separated
            by tabs. With --json: {"schema":1,"file":PATH,"settings":[{"key","value","from"},…]}.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.flag("--json", "Print JSON", &json)
        parameters.group("Common options") { common.declare(&$0) }
    }

    func run() throws(Failure) {
        let settings = try Setting.all(vault: common.path(), isOption: common.vault != nil)
        if json {
            let list = settings.map { setting in
                JSON.object([
                    ("key", .string(setting.key)), ("value", setting.value.json),
                    ("from", .string(setting.origin)),
                ])
            }
            return try Output.write(
                JSON.document([("file", .optional(Configuration.path)), ("settings", .array(list))]))
        }
        guard Output.isTerminal else {
            let lines = settings.map { "\($0.key)\t\(Output.visible($0.value.text))\t\($0.origin)\n" }
            return try Output.write(lines.joined())
        }
        var table = Table("KEY", "VALUE", "FROM")
        for setting in settings { table.add(setting.key, Output.visible(setting.value.text), setting.origin) }
        try Output.write(table.text)
    }
}
