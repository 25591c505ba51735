// The program's start: parse, run, and turn whatever was thrown into a message and an exit code: 0 done, 1 failed
// at its work, 2 wrong use, 130 interrupted.
import ArgumentParser
import CSystem
import Glibc

// Streams that are closed would be taken by the next file that is opened. Reading the first finds its end; writing the
// second fails, as it must.
for (descriptor, mode) in [(STDIN_FILENO, O_RDONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_WRONLY)] {
  if fcntl(descriptor, F_GETFD) < 0 { _ = open("/dev/null", mode) }
}
setlocale(LC_ALL, "")
hypnos_install_fault_handler()
// Swift's own handler would take Ctrl-\ for a crash, and leave the terminal as it is.
signal(SIGQUIT, SIG_DFL)
hypnos_ignore_write_signals()

// What is no UTF-8 would become another question or another file's name.
for place in 1..<max(1, Int(CommandLine.argc)) {
  guard let word = CommandLine.unsafeArgv[place], String(validatingCString: word) == nil else { continue }
  Output.complain("argument \(place) is not UTF-8: \(String(cString: word))")
  exit(2)
}

do {
  do {
    var command = try Hypnos.parseAsRoot()
    try command.run()
  } catch let error where Hypnos.exitCode(for: error) == .success {
    // Help and the version are results, too.
    try Output.write(Hypnos.fullMessage(for: error) + "\n")
  }
} catch let failure as Failure {
  if !failure.message.isEmpty { Output.complain(failure.message) }
  exit(failure.code)
} catch is ClosedPipe {
  // A shell's Ctrl-C ends the reader too.
  exit(hypnos_interrupted() ? 130 : 0)
} catch {
  if Hypnos.exitCode(for: error) == .validationFailure {
    Output.complain(Hypnos.fullMessage(for: error), prefix: "")
    exit(2)
  }
  Output.complain(String(describing: error))
  exit(1)
}
