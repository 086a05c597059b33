import AuthenticatorModels
import PushAuthenticator
import SwiftUI

/// The accounts with their one-time passwords, and the ways to add one.
struct AccountsView: View {
    let model: AccountsModel
    let requests: RequestsModel
    let covers: CoverModel
    let alerts: AlertsModel

    var body: some View {
        NavigationStack {
            List {
                if let failure = requests.failure ?? requests.unreachable.first { FailureText(failure: failure) }
                if let failure = model.failure { FailureText(failure: failure) }
                if alerts.concern(model.accounts) { AlertsOffText() }
                if !requests.others.isEmpty {
                    Section(LocalizedStringKey(.resultPending)) {
                        ForEach(requests.others, id: \.id) { request in
                            Button { requests.show(request) } label: {
                                Label { Text(verbatim: "\(request.issuer), \(request.account)") } icon: { Image(systemName: "bell.badge") }
                            }
                            .frame(minHeight: 44)
                        }
                    }
                }
                ForEach(model.accounts, id: \.id) { account in
                    AccountRow(account: account, model: model)
                        .swipeActions {
                            Button(.accountRemove, role: .destructive) { Task { await model.askRemoval(of: account.id) } }
                            Button(.accountRename) { covers.rename(account) }
                        }
                        .accessibilityAction(named: Text(.accountRename)) { covers.rename(account) }
                }
            }
            .overlay {
                if model.accounts.isEmpty { ContentUnavailableView(LocalizedStringKey(.accountsEmpty), systemImage: "qrcode") }
            }
            .navigationTitle(LocalizedStringKey(.accountsTitle))
            .refreshable { await requests.refresh() }
            .toolbar {
                Menu {
                    Button(.accountScan) { covers.scan() }
                    Button(.accountType) { covers.type() }
                } label: {
                    Label(LocalizedStringKey(.accountScan), systemImage: "plus")
                }
            }
        }
        .alert(Text(.removalTitle), isPresented: isRemoving) {
            Button(.accountRemove, role: .destructive) { Task { await covers.decideRemoval(true) } }
            Button(.cancel, role: .cancel) { Task { await covers.decideRemoval(false) } }
        } message: {
            Text(consequences, separator: "\n\n")
        }
    }

    private var consequences: [Text] {
        model.removal?.consequences.map { Text(Words(consequence: $0.code), else: $0.explanation) } ?? []
    }

    private var isRemoving: Binding<Bool> {
        Binding { covers.isRemovalAsked } set: { if !$0 { Task { await covers.decideRemoval(false) } } }
    }
}

private struct AccountRow: View {
    let account: Account
    let model: AccountsModel

    var body: some View {
        VStack(alignment: .leading, spacing: 4) {
            Text(verbatim: account.displayIssuer).font(.headline)
            Text(verbatim: account.displayName).font(.subheadline).foregroundStyle(.secondary)
            if let problem = AccountProblem(account) {
                Text(texts(of: problem), separator: " ").font(.footnote).foregroundStyle(.orange)
            }
            if let protection = Words(protectionOf: account) { Text(protection).font(.footnote).foregroundStyle(.secondary) }
            if model.hasCodes(account) {
                TimelineView(.periodic(from: .now, by: 1)) { timeline in
                    CodeButton(code: model.code(of: account.id, at: timeline.date), time: timeline.date) {
                        Task { await model.reveal(account.id) }
                    }
                }
            }
        }
        .accessibilityElement(children: .contain)
    }

    private func texts(of problem: AccountProblem) -> [Text] {
        [Text(problem.words)] + (problem.policy.map { [Text(Words(policy: $0), else: $0)] } ?? [])
    }
}

/// Shows a one-time password when tapped, for as long as it is valid.
private struct CodeButton: View {
    let code: AccountsModel.Revealed?
    let time: Date
    let reveal: @MainActor () -> Void

    var body: some View {
        Button(action: reveal) {
            HStack {
                if let code {
                    Text(verbatim: code.code).font(.title.monospacedDigit()).privacySensitive()
                    if let endsAt = code.endsAt { Text(endsAt, style: .timer).font(.footnote).accessibilityHidden(true) }
                } else {
                    Text(.codeReveal)
                }
            }
            .frame(minHeight: 44)
        }
        .accessibilityLabel(Text(code == nil ? .codeHidden : .codeShown))
        // Digit by digit, not as one large number.
        .accessibilityValue(Text(verbatim: code?.code.map(String.init).joined(separator: " ") ?? ""))
        .accessibilityHint(Text(code?.endsAt == nil && code != nil ? .codeNext : .codeReveal))
    }
}

/// Changes how an account is shown.
struct RenameView: View {
    let account: Account
    let model: AccountsModel
    @State private var issuer: String
    @State private var name: String
    @Environment(\.dismiss) private var dismiss

    init(account: Account, model: AccountsModel) {
        self.account = account
        self.model = model
        _issuer = State(initialValue: account.displayIssuer)
        _name = State(initialValue: account.displayName)
    }

    var body: some View {
        NavigationStack {
            Form {
                TextField(LocalizedStringKey(.confirmIssuer), text: $issuer)
                TextField(LocalizedStringKey(.confirmAccount), text: $name)
            }
            .navigationTitle(LocalizedStringKey(.accountRename))
            .toolbar {
                ToolbarItem(placement: .cancellationAction) { Button(.cancel) { dismiss() } }
                ToolbarItem(placement: .confirmationAction) {
                    Button(.done) {
                        Task { await model.rename(account.id, issuer: issuer, name: name) }
                        dismiss()
                    }
                }
            }
        }
    }
}
