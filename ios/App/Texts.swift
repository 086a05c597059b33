import AuthenticatorModels
import SwiftUI
import UIKit

extension LocalizedStringKey {
    /// The text of a word, in the user's language.
    init(_ word: Words) { self.init(word.rawValue) }
}

extension Text {
    init(_ word: Words) { self.init(LocalizedStringKey(word)) }

    /// The text of a word if there is one, otherwise the core's name.
    init(_ word: Words?, else name: String) {
        self = word.map { Text($0) } ?? Text(verbatim: name)
    }

    /// These texts, joined by a separator.
    init(_ texts: [Text], separator: String) {
        self = texts.dropFirst().reduce(texts.first ?? Text(verbatim: "")) { $0 + Text(verbatim: separator) + $1 }
    }
}

extension Button where Label == Text {
    init(_ word: Words, role: ButtonRole? = nil, action: @escaping @MainActor () -> Void) {
        self.init(LocalizedStringKey(word), role: role, action: action)
    }
}

/// Shows an error where it occurred.
struct FailureText: View {
    let failure: Failure

    var body: some View {
        Label(failure.explanation, systemImage: "exclamationmark.triangle")
            .font(.callout)
            .foregroundStyle(.red)
            .accessibilityIdentifier(failure.code)
    }
}

/// Opens a page of the system's settings.
struct SystemSettingsLink: View {
    /// UIKit's URL of the page.
    let address: String
    @Environment(\.openURL) private var openURL

    var body: some View {
        Button(.openSettings) { if let url = URL(string: address) { openURL(url) } }.frame(minHeight: 44)
    }
}

/// Says that notifications are off, and where to change that.
struct AlertsOffText: View {
    var body: some View {
        VStack(alignment: .leading) {
            Label(LocalizedStringKey(.alertsOff), systemImage: "bell.slash").font(.callout).foregroundStyle(.orange)
            SystemSettingsLink(address: UIApplication.openNotificationSettingsURLString)
        }
    }
}
