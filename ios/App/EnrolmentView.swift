import AuthenticatorModels
import PushAuthenticator
import SwiftUI

/// Shows what a registration URI would add, asks for confirmation, and then shows the result.
struct EnrolmentView: View {
    let model: EnrolmentModel

    var body: some View {
        NavigationStack {
            Group {
                switch model.state {
                case .waiting, .reading, .adding: ProgressView()
                case .confirming(let preview): ConfirmView(preview: preview, model: model)
                case .added(let added): AddedView(added: added)
                case .failed(let failure): FailureText(failure: failure).padding()
                }
            }
            .navigationTitle(LocalizedStringKey(.confirmTitle))
            .toolbar { ToolbarItem(placement: .cancellationAction) { Button(closing) { model.cancel() } } }
        }
        .interactiveDismissDisabled()
    }

    private var closing: Words {
        switch model.state {
        case .added, .failed: .done
        default: .cancel
        }
    }
}

private struct ConfirmView: View {
    let preview: EnrolmentPreview
    let model: EnrolmentModel

    var body: some View {
        Form {
            LabeledContent(LocalizedStringKey(.confirmIssuer)) { Text(verbatim: preview.issuer) }
            LabeledContent(LocalizedStringKey(.confirmAccount)) { Text(verbatim: preview.account) }
            if let host = preview.host {
                LabeledContent(LocalizedStringKey(.confirmHost)) { Text(verbatim: host).font(.body.monospaced()) }
            } else {
                Text(.confirmCodesOnly)
            }
            if let host = preview.unicodeHost {
                LabeledContent(LocalizedStringKey(.confirmHostInLetters)) { Text(verbatim: host.name) }
                if host.mixesScripts {
                    Label(LocalizedStringKey(.confirmMixedScripts), systemImage: "exclamationmark.triangle").foregroundStyle(.orange)
                }
            }
            if !preview.policies.isEmpty {
                LabeledContent(LocalizedStringKey(.confirmPolicies)) {
                    Text(preview.policies.map { Text(Words(policy: $0), else: $0) }, separator: ", ")
                }
            }
            ForEach(preview.namesakes, id: \.accountId) { namesake in
                Label { Text(.confirmNamesake) + Text(verbatim: " \(namesake.host ?? "")") } icon: { Image(systemName: "exclamationmark.triangle") }
                    .foregroundStyle(.orange)
            }
            if preview.conflict != nil { Label(LocalizedStringKey(.confirmReplaces), systemImage: "arrow.triangle.2.circlepath") }
            if preview.takesDeviceKey { Label(LocalizedStringKey(.confirmKey), systemImage: "key") }
            if model.isKeyUnavailable { Text(.biometricUnavailable).foregroundStyle(.red) }
            Button(preview.conflict == nil ? .confirmAdd : .confirmReplace) { Task { await model.confirm() } }
                .frame(minHeight: 44)
        }
    }
}

private struct AddedView: View {
    let added: EnrolmentModel.Added

    var body: some View {
        switch added {
        case .ready(let account): result(.addedReady, "checkmark.circle", account.displayIssuer)
        case .queued(let account): result(.addedQueued, "clock", account.displayIssuer)
        case .unconfirmed(let account): result(.addedUnconfirmed, "questionmark.circle", account.displayIssuer)
        case .refused(let message): result(.addedRefused, "xmark.circle", message)
        }
    }

    private func result(_ word: Words, _ image: String, _ detail: String?) -> some View {
        ContentUnavailableView(LocalizedStringKey(word), systemImage: image, description: Text(verbatim: detail ?? ""))
    }
}

/// The form for entering an account.
struct EntryView: View {
    /// Returns what is wrong with the input, or nil when it is ready to be confirmed.
    let read: @MainActor (ManualEntry) async -> Failure?
    @State private var model = EntryModel()
    @Environment(\.dismiss) private var dismiss

    var body: some View {
        NavigationStack {
            Form {
                TextField(LocalizedStringKey(.confirmIssuer), text: $model.issuer)
                TextField(LocalizedStringKey(.confirmAccount), text: $model.account)
                if let failure = model.failure { FailureText(failure: failure) }
                if model.isSecretShown {
                    TextField(LocalizedStringKey(.entrySecret), text: $model.secret).font(.body.monospaced()).privacySensitive()
                } else {
                    SecureField(LocalizedStringKey(.entrySecret), text: $model.secret)
                }
                Toggle(LocalizedStringKey(.entrySecretShown), isOn: $model.isSecretShown)
                Toggle(LocalizedStringKey(.entryCounts), isOn: $model.isCounting)
                Picker(LocalizedStringKey(.entryAlgorithm), selection: $model.algorithm) {
                    ForEach(EntryModel.algorithms, id: \.self) { Text(verbatim: $0.name).tag($0) }
                }
                Picker(LocalizedStringKey(.entryDigits), selection: $model.digits) {
                    ForEach(EntryModel.digits, id: \.self) { Text($0, format: .number).tag($0) }
                }
                if !model.isCounting {
                    Picker(LocalizedStringKey(.entryPeriod), selection: $model.periodSeconds) {
                        ForEach(EntryModel.periods, id: \.self) { Text($0, format: .number).tag($0) }
                    }
                }
            }
            .autocorrectionDisabled()
            .textInputAutocapitalization(.never)
            .navigationTitle(LocalizedStringKey(.entryTitle))
            .toolbar {
                ToolbarItem(placement: .cancellationAction) { Button(.cancel) { dismiss() } }
                ToolbarItem(placement: .confirmationAction) {
                    Button(.done) { Task { await model.hand(to: read) } }
                }
            }
        }
    }
}
