package import UserMessages

extension ChildEnvironment {
    /// Returns whether a variable changes which code programs load, or which programs they run.
    static func isDangerous(_ name: String) -> Bool {
        dangerousNames.contains(name) || name.hasPrefix("LD_") || name.hasPrefix("DYLD_")
            || name.hasPrefix("BASH_FUNC_")
            || name.hasPrefix("GIT_CONFIG") || name.hasPrefix("MALLOC_")
            // A shell that evaluates an export would hand it to the next `vault`, which runs such a command.
            || name.hasPrefix("VAULT_") && PassphraseVariables.contains(Array(name.utf8).span)
    }

    fileprivate static let dangerousNames: Swift.Set<String> = [
        // The shell, and the search for programs and configuration.
        "PATH", "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS", "PS4", "PROMPT_COMMAND", "ZDOTDIR",
        "FPATH", "CDPATH", "GLOBIGNORE", "SHELL", "HOME", "TMPDIR", "XDG_CONFIG_HOME",
        // Interpreters and their libraries.
        "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONUSERBASE", "PYTHONWARNINGS",
        "PYTHONBREAKPOINT", "PYTHONEXECUTABLE", "NODE_OPTIONS", "NODE_PATH", "PERL5LIB", "PERL5OPT",
        "PERL5DB", "RUBYLIB", "RUBYOPT", "GEM_HOME", "GEM_PATH", "LUA_INIT", "LUA_PATH", "LUA_CPATH",
        "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "JAVA_OPTS", "MAVEN_OPTS", "CLASSPATH",
        "DOTNET_STARTUP_HOOKS", "CORECLR_PROFILER_PATH", "PHPRC", "PHP_INI_SCAN_DIR", "R_PROFILE_USER",
        // Libraries that load others.
        "GCONV_PATH", "LOCPATH", "GLIBC_TUNABLES", "OPENSSL_CONF", "OPENSSL_MODULES", "GTK_MODULES",
        "QT_PLUGIN_PATH",
        // Programs that other programs start.
        "GIT_SSH", "GIT_SSH_COMMAND", "GIT_EXEC_PATH", "GIT_EXTERNAL_DIFF", "GIT_ASKPASS", "GIT_PAGER",
        "GIT_EDITOR", "GIT_PROXY_COMMAND", "GIT_TEMPLATE_DIR", "SSH_ASKPASS", "SUDO_ASKPASS", "RSYNC_RSH",
        "EDITOR", "VISUAL", "PAGER", "MANPAGER", "LESSOPEN", "BROWSER", "MAKEFLAGS", "GCC_EXEC_PREFIX",
        "RUSTC_WRAPPER", "npm_config_script_shell",
        // The vault that a child process would use.
        "VAULT_FILE",
    ]

    /// Throws if some of the variables change how programs run and are not allowed.
    package static func refuseDangerous(
        _ deliveries: [Delivery], allowing allowed: [String]
    ) throws(Failure) {
        let dangerous = deliveries.filter { isDangerous($0.variable) && !allowed.contains($0.variable) }
        if dangerous.isEmpty { return }
        let options = { (option: String, names: [String]) in
            names.map { "\(option) \($0)" }.joined(separator: " ")
        }
        let variables = dangerous.map(\.variable)
        throw Failure(
            .usage, "these names change how programs run: \(variables.joined(separator: ", "))",
            hint:
                "add \(options("--allow-name", variables)) if that is meant, or \(options("--except", dangerous.map(\.name)))"
        )
    }
}
