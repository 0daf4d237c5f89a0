import Testing

@testable import Platform

@Suite struct `An editor's command line` {
    @Test(arguments: [
        ("code --wait", "code", true, nil as String?, nil as String?), ("code", "code", true, "--wait", nil),
        ("/opt/x/code -nw", "code", true, nil, nil), ("code -n", "code", true, "--wait", nil),
        ("env A=b -i nohup subl -w", "subl", true, nil, nil), ("A=b kate --block", "kate", true, nil, nil),
        ("emacsclient -t", "emacsclient", true, nil, nil),
        ("emacsclient -tn", "emacsclient", true, nil, "-n"),
        ("emacsclient --no-wait", "emacsclient", true, nil, "--no-wait"),
        ("flatpak run --branch=stable org.gnome.TextEditor -s", "gnome-text-editor", true, nil, nil),
        ("flatpak run org.gnome.gedit", "gedit", true, "--wait", nil),
        ("snap run code --wait", "code", true, nil, nil), ("flatpak", "flatpak", true, nil, nil),
        ("gvim", "gvim", false, "-f", nil), ("gvim -f", "gvim", false, nil, nil),
        ("vim.basic --remote-wait", "vim", true, nil, nil), ("nvim --remote", "nvim", true, nil, "--remote"),
        ("emacs -nw", "emacs", false, nil, nil), ("micro", "micro", false, nil, nil),
        ("codec", "codec", false, nil, nil), ("sh -c 'code --wait \"$1\"' --", "sh", false, nil, nil),
        ("", "", false, nil, nil), ("env", "env", false, nil, nil),
    ])
    func `says which editor it is, who opens the file, and whether it waits`(
        command: String, program: String, opensElsewhere: Bool, missing: String?, unwanted: String?
    ) {
        let editor = Editor(command)
        #expect(editor.program == program)
        #expect(editor.opensElsewhere == opensElsewhere)
        #expect(editor.missingOption == missing)
        #expect(editor.unwantedOption == unwanted)
    }

    @Test func `of vim gets options that leave no files behind, and others stay as they are`() {
        #expect(Editor("gvim -f").command.hasPrefix("gvim -f -n -i NONE --cmd 'set noswapfile"))
        #expect(Editor("code --wait").command == "code --wait")
    }
}
