import Foundation
import PhoneExample
import PushAuthenticator

let arguments = Array(CommandLine.arguments.dropFirst())
guard arguments.count >= 2, (arguments[0] == "add" && arguments.count == 3) || (arguments[0] == "answer" && arguments.count == 2) else {
    print("usage: phone add FOLDER CODE, with the text of the QR code | phone answer FOLDER")
    exit(2)
}
do {
    let phone = try await PhoneExample.open(URL(fileURLWithPath: arguments[1]), Console(read: { readLine() }, show: { print($0) }))
    defer { phone.close() }
    if arguments[0] == "add" { try await phone.add(arguments[2]) } else { try await phone.answer() }
} catch let reason as AuthenticatorError {
    // Tells the user what happened and what to do.
    print(reason.explanation)
    exit(1)
}
